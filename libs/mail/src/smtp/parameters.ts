import { type AddressOptions, AddressSyntaxError, parseAddress } from '../address/index.ts';
import type {
  MailBody,
  MailParameters,
  NotifyCondition,
  OriginalRecipient,
  RcptParameters,
  SmtpExtension,
} from './command.ts';
import { SmtpSyntaxError } from './syntax-error.ts';
import { decodeUtf8AddrXtext, decodeXtext } from './xtext.ts';

export interface ParameterOptions {
  readonly extensions: ReadonlySet<SmtpExtension>;
  readonly address: AddressOptions;
}

/** Characters of ENVID and ORCPT as sent (RFC 3461 sections 4.2 and 4.4). */
const MAX_ENVID = 100;
const MAX_ORCPT = 500;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Reads the esmtp-params of MAIL that follow its path at `at`; SMTPUTF8 is found wherever it stands. */
export function parseMailParameters(text: string, at: number, options: ParameterOptions): MailParameters {
  const { extensions } = options;
  const parameters: Mutable<MailParameters> = {};
  for (const [keyword, value] of split(text, at)) {
    if (keyword === 'SIZE' && extensions.has('SIZE')) parameters.size = parseSize(value);
    else if (keyword === 'BODY' && (extensions.has('8BITMIME') || extensions.has('BINARYMIME'))) {
      parameters.body = parseBody(value, extensions);
    } else if (keyword === 'SMTPUTF8' && extensions.has('SMTPUTF8')) {
      if (value !== undefined) throw badValue('SMTPUTF8');
      parameters.smtputf8 = true;
    } else if (keyword === 'RET' && extensions.has('DSN')) {
      const ret = value?.toUpperCase();
      if (ret !== 'FULL' && ret !== 'HDRS') throw badValue('RET');
      parameters.ret = ret;
    } else if (keyword === 'ENVID' && extensions.has('DSN')) parameters.envid = parseEnvid(value);
    else if (keyword === 'AUTH' && extensions.has('AUTH')) parameters.auth = parseAuth(value, options.address);
    else throw unknown();
  }
  return parameters;
}

/** Reads the esmtp-params of RCPT that follow its path at `at`. */
export function parseRcptParameters(text: string, at: number, options: ParameterOptions): RcptParameters {
  const parameters: Mutable<RcptParameters> = {};
  const dsn = options.extensions.has('DSN');
  for (const [keyword, value] of split(text, at)) {
    if (keyword === 'NOTIFY' && dsn) parameters.notify = parseNotify(value);
    else if (keyword === 'ORCPT' && dsn) parameters.orcpt = parseOrcpt(value);
    else throw unknown();
  }
  return parameters;
}

function split(text: string, at: number): Map<string, string | undefined> {
  const parameters = new Map<string, string | undefined>();
  if (at === text.length) return parameters;
  if (text[at] !== ' ') throw new SmtpSyntaxError(501, '5.5.4', 'Unexpected character after the address');
  for (const part of text.slice(at + 1).split(' ')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const keyword = (equals < 0 ? part : part.slice(0, equals)).toUpperCase();
    const value = equals < 0 ? undefined : part.slice(equals + 1);
    if (!/^[A-Z0-9][A-Z0-9-]*$/.test(keyword) || value === '' || value?.includes('=')) {
      throw new SmtpSyntaxError(501, '5.5.4', 'Bad parameter');
    }
    if (parameters.has(keyword)) throw new SmtpSyntaxError(501, '5.5.4', 'Parameter given twice');
    parameters.set(keyword, value);
  }
  return parameters;
}

function parseSize(value: string | undefined): number {
  if (value === undefined || !/^\d{1,20}$/.test(value)) throw badValue('SIZE');
  return Math.min(Number(value), Number.MAX_SAFE_INTEGER);
}

function parseBody(value: string | undefined, extensions: ReadonlySet<SmtpExtension>): MailBody {
  const body = value?.toUpperCase();
  if (body === '7BIT') return body;
  if ((body === '8BITMIME' || body === 'BINARYMIME') && extensions.has(body)) return body;
  throw badValue('BODY');
}

function parseEnvid(value: string | undefined): string {
  const envid = value === undefined || value.length > MAX_ENVID ? undefined : decodeXtext(value);
  if (envid === undefined || !/^[\x20-\x7e]+$/.test(envid)) throw badValue('ENVID');
  return envid;
}

function parseAuth(value: string | undefined, options: AddressOptions): MailParameters['auth'] {
  if (value === '<>') return null;
  const decoded = value === undefined ? undefined : decodeXtext(value);
  if (decoded === undefined) throw badValue('AUTH');
  try {
    return parseAddress(decoded, options);
  } catch (error) {
    if (error instanceof AddressSyntaxError) throw badValue('AUTH');
    throw error;
  }
}

function parseNotify(value: string | undefined): NotifyCondition[] {
  const conditions = value?.toUpperCase().split(',') ?? [];
  const known = conditions.filter(
    (word) =>
      word === 'SUCCESS' || word === 'FAILURE' || word === 'DELAY' || (word === 'NEVER' && conditions.length === 1),
  );
  if (known.length === 0 || known.length !== conditions.length || new Set(known).size !== known.length) {
    throw badValue('NOTIFY');
  }
  return known as NotifyCondition[];
}

function parseOrcpt(value: string | undefined): OriginalRecipient {
  const semicolon = value?.indexOf(';') ?? -1;
  if (value === undefined || semicolon < 1 || value.length > MAX_ORCPT) throw badValue('ORCPT');
  const type = value.slice(0, semicolon);
  const coded = value.slice(semicolon + 1);
  const address = type.toLowerCase() === 'utf-8' ? decodeUtf8AddrXtext(coded) : decodeXtext(coded);
  // The report of delivery shows both: neither may break its lines.
  if (!/^[A-Za-z0-9.-]+$/.test(type) || !address || /[\x00-\x1f\x7f-\x9f\u2028\u2029]/.test(address)) {
    throw badValue('ORCPT');
  }
  return { type, address };
}

function badValue(keyword: string): SmtpSyntaxError {
  return new SmtpSyntaxError(501, '5.5.4', `Bad value of ${keyword}`);
}

function unknown(): SmtpSyntaxError {
  return new SmtpSyntaxError(555, '5.5.4', 'Parameter not recognized or not implemented');
}
