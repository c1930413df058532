import { Buffer, isAscii, isUtf8 } from 'node:buffer';
import { canonicalDomain, canonicalLiteral } from '../address/index.ts';
import { decodeSaslBase64 } from '../sasl/index.ts';
import type { ClientNameKind, SmtpCommand, SmtpExtension } from './command.ts';
import { parseMailParameters, parseRcptParameters } from './parameters.ts';
import { scanPath } from './path.ts';
import { SmtpSyntaxError } from './syntax-error.ts';

export const ALL_SMTP_EXTENSIONS: ReadonlySet<SmtpExtension> = new Set([
  'SIZE',
  '8BITMIME',
  'BINARYMIME',
  'SMTPUTF8',
  'DSN',
  'AUTH',
]);

export interface CommandOptions {
  /** What the server offers: parameters of others are answered 555. Default all. */
  readonly extensions?: ReadonlySet<SmtpExtension>;
  /** Whether MAIL asked for SMTPUTF8, so that RCPT may name addresses beyond ASCII. Default false. */
  readonly utf8Transaction?: boolean;
  /** Octets of a local part. Default 64; real senders of lists use more. */
  readonly maxLocal?: number;
  /** Takes spaces after the colon, missing angle brackets, and what `AddressOptions.lenient` takes. Default false. */
  readonly lenient?: boolean;
}

/** Commands that exist, and that Stoa does not have. */
const NOT_IMPLEMENTED = new Set(['SEND', 'SOML', 'SAML', 'TURN', 'ETRN', 'ATRN', 'BURL', 'XCLIENT', 'XFORWARD']);

/**
 * Reads one command line (RFC 5321 section 4.1), without its CRLF. White space at the end is ignored (section 4.1.1).
 * Whether the command fits the state of the session and the server's extensions is for the server to say.
 * @throws SmtpSyntaxError
 */
export function parseSmtpCommand(line: Buffer, options: CommandOptions = {}): SmtpCommand {
  const text = decodeLine(line);
  const space = text.indexOf(' ');
  const verb = (space < 0 ? text : text.slice(0, space)).toUpperCase();
  const rest = space < 0 ? '' : text.slice(space + 1);
  switch (verb) {
    case 'EHLO':
    case 'HELO':
    case 'LHLO':
      return { verb, ...parseClientName(rest) };
    case 'MAIL':
      return parseMail(rest, options);
    case 'RCPT':
      return parseRcpt(rest, options);
    case 'DATA':
    case 'RSET':
    case 'QUIT':
    case 'STARTTLS':
      if (rest !== '') throw badArguments(`${verb} takes no arguments`);
      return { verb };
    case 'BDAT':
      return parseBdat(rest);
    case 'VRFY':
    case 'EXPN':
      return parseLookup(verb, rest);
    case 'NOOP':
    case 'HELP':
      return { verb, argument: rest };
    case 'AUTH':
      return parseAuth(rest);
    default:
      if (NOT_IMPLEMENTED.has(verb)) throw new SmtpSyntaxError(502, '5.5.1', 'Command not implemented');
      throw new SmtpSyntaxError(500, '5.5.1', 'Command not recognized');
  }
}

function decodeLine(line: Buffer): string {
  let end = line.length;
  while (end > 0 && (line[end - 1] === 0x20 || line[end - 1] === 0x09)) end--;
  const trimmed = line.subarray(0, end);
  for (let i = 0; i < end; i++) {
    if (trimmed[i]! < 0x20 || trimmed[i] === 0x7f) {
      throw new SmtpSyntaxError(500, '5.5.2', 'Control characters are not allowed in commands');
    }
  }
  if (isAscii(trimmed)) return trimmed.toString('latin1');
  if (isUtf8(trimmed)) return trimmed.toString('utf8');
  throw new SmtpSyntaxError(500, '5.5.2', 'Commands must be ASCII or UTF-8');
}

function parseClientName(name: string): { name: string; kind: ClientNameKind } {
  if (name === '') throw badArguments('The name of the client is missing');
  const domain = canonicalDomain(name, { utf8: false });
  if (domain !== undefined) return { name: domain, kind: 'domain' };
  const literal = canonicalLiteral(name);
  if (literal !== undefined) return { name: literal, kind: 'literal' };
  if (name.length <= 255 && /^[A-Za-z0-9_.:[\]-]+$/.test(name)) return { name, kind: 'other' };
  throw badArguments('Bad name of the client');
}

function parseMail(rest: string, options: CommandOptions): SmtpCommand {
  const at = afterKeyword(rest, 'FROM:', options);
  const extensions = options.extensions ?? ALL_SMTP_EXTENSIONS;
  const utf8 = extensions.has('SMTPUTF8');
  const address = { utf8, maxLocal: options.maxLocal, lenient: options.lenient };
  const path = scanPath(rest, at, { ...address, role: 'sender' });
  const parameters = parseMailParameters(rest, path.end, { extensions, address });
  if (path.utf8 && parameters.smtputf8 !== true) {
    throw new SmtpSyntaxError(553, '5.6.7', 'A character beyond ASCII needs SMTPUTF8');
  }
  return { verb: 'MAIL', sender: path.address, parameters };
}

function parseRcpt(rest: string, options: CommandOptions): SmtpCommand {
  const at = afterKeyword(rest, 'TO:', options);
  const extensions = options.extensions ?? ALL_SMTP_EXTENSIONS;
  const utf8 = options.utf8Transaction === true;
  const address = { utf8, maxLocal: options.maxLocal, lenient: options.lenient };
  const path = scanPath(rest, at, { ...address, role: 'recipient' });
  const parameters = parseRcptParameters(rest, path.end, { extensions, address });
  return { verb: 'RCPT', recipient: path.address!, parameters };
}

function afterKeyword(rest: string, keyword: string, options: CommandOptions): number {
  let at = keyword.length;
  if (rest.slice(0, at).toUpperCase() !== keyword) {
    throw new SmtpSyntaxError(501, '5.5.2', `Syntax: ${keyword === 'TO:' ? 'RCPT TO' : 'MAIL FROM'}:<address>`);
  }
  if (rest[at] === ' ') {
    if (options.lenient !== true) throw new SmtpSyntaxError(501, '5.5.2', 'No space is allowed after the colon');
    while (rest[at] === ' ') at++;
  }
  return at;
}

/** RFC 3030 section 2. */
function parseBdat(rest: string): SmtpCommand {
  const match = /^(\d{1,15})( +LAST)?$/i.exec(rest);
  if (match === null) throw badArguments('Syntax: BDAT size [LAST]');
  return { verb: 'BDAT', size: Number(match[1]), last: match[2] !== undefined };
}

function parseLookup(verb: 'VRFY' | 'EXPN', rest: string): SmtpCommand {
  const smtputf8 = rest.toUpperCase().endsWith(' SMTPUTF8');
  const argument = (smtputf8 ? rest.slice(0, -9) : rest).trim();
  if (argument === '') throw badArguments(`Syntax: ${verb} name`);
  if (!smtputf8 && !isAscii(Buffer.from(argument))) {
    throw new SmtpSyntaxError(553, '5.6.7', 'A character beyond ASCII needs SMTPUTF8');
  }
  return { verb, argument, smtputf8 };
}

/** RFC 4954 section 4. */
function parseAuth(rest: string): SmtpCommand {
  const space = rest.indexOf(' ');
  const mechanism = (space < 0 ? rest : rest.slice(0, space)).toUpperCase();
  if (!/^[A-Z0-9_-]{1,20}$/.test(mechanism)) throw badArguments('Syntax: AUTH mechanism [initial-response]');
  if (space < 0) return { verb: 'AUTH', mechanism };
  const initial = decodeSaslBase64(rest.slice(space + 1));
  if (initial === undefined) throw new SmtpSyntaxError(501, '5.5.2', 'The initial response is not base64');
  return { verb: 'AUTH', mechanism, initial };
}

function badArguments(message: string): SmtpSyntaxError {
  return new SmtpSyntaxError(501, '5.5.4', message);
}
