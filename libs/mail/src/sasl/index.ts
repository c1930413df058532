export * from './base64.ts';
export * from './exchange.ts';
export { formatSaslPlain, parseSaslPlain, type SaslCredentials } from './plain.ts';
