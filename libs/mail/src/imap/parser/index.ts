export { SUGGESTED_CHARSETS } from './charset.ts';
export { parseCommand } from './parse-command.ts';
export { parseAuthenticateResponse } from './session.ts';
