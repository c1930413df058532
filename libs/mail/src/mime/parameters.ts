/** Values with parameters: Content-Type (RFC 2045 section 5.1), Content-Disposition (RFC 2183), both with RFC 2231. */

export type Parameter = [name: string, value: string];

export interface ContentType {
  /** Lower case. */
  type: string;
  /** Lower case. */
  subtype: string;
  params: Parameter[];
}

export interface Disposition {
  /** Lower case. */
  type: string;
  params: Parameter[];
}

/** More are not kept: no honest field has them, and each costs memory. */
const MAX_PARAMETERS = 256;

/** Characters that end a token: controls, space, ()<>@,;:\"/[]?= (RFC 2045 section 5.1). Bytes over 127 may stand in it. */
const ENDS_TOKEN = new Uint8Array(256);
for (let code = 0; code <= 32; code++) ENDS_TOKEN[code] = 1;
for (const char of '()<>@,;:\\"/[]?=\x7f') ENDS_TOKEN[char.charCodeAt(0)] = 1;

/** A place in a structured value. Every method moves forward only, so reading is linear. */
class Cursor {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  skipBlanks(): void {
    const { text } = this;
    while (this.at < text.length) {
      const code = text.charCodeAt(this.at);
      if (code === 40) this.skipComment();
      else if (code === 32 || code === 9 || code === 10 || code === 13) this.at++;
      else return;
    }
  }

  private skipComment(): void {
    let depth = 0;
    for (; this.at < this.text.length; this.at++) {
      const code = this.text.charCodeAt(this.at);
      if (code === 92) this.at++;
      else if (code === 40) depth++;
      else if (code === 41 && --depth === 0) {
        this.at++;
        return;
      }
    }
    this.at = Math.min(this.at, this.text.length);
  }

  /** Takes the character when it comes next. */
  take(char: number): boolean {
    if (this.text.charCodeAt(this.at) !== char) return false;
    this.at++;
    return true;
  }

  token(): string {
    const start = this.at;
    while (this.at < this.text.length && ENDS_TOKEN[this.text.charCodeAt(this.at) & 255] === 0) this.at++;
    return this.text.slice(start, this.at);
  }

  /** A value: a quoted string, or all up to the next blank or semicolon, since many senders forget the quotes. */
  value(): string {
    if (this.take(34)) return this.quoted();
    const start = this.at;
    for (; this.at < this.text.length; this.at++) {
      const code = this.text.charCodeAt(this.at);
      if (code === 59 || code === 32 || code === 9 || code === 34 || code === 40) break;
    }
    return this.text.slice(start, this.at);
  }

  private quoted(): string {
    const { text } = this;
    let value = '';
    let start = this.at;
    for (; this.at < text.length; this.at++) {
      const code = text.charCodeAt(this.at);
      if (code === 34) {
        value += text.slice(start, this.at++);
        return value;
      }
      if (code === 92 && this.at + 1 < text.length) {
        value += text.slice(start, this.at++);
        start = this.at;
      }
    }
    return value + text.slice(start);
  }

  /** Goes behind the next semicolon. */
  skipParameter(): void {
    const next = this.text.indexOf(';', this.at);
    this.at = next === -1 ? this.text.length : next + 1;
  }
}

/** Reads a Content-Type value; undefined where no type and subtype can be read, which means text/plain. */
export function parseContentType(value: string): ContentType | undefined {
  const cursor = new Cursor(value);
  cursor.skipBlanks();
  const type = cursor.token();
  cursor.skipBlanks();
  if (type === '' || !cursor.take(47)) return undefined;
  cursor.skipBlanks();
  const subtype = cursor.token();
  if (subtype === '') return undefined;
  return { type: type.toLowerCase(), subtype: subtype.toLowerCase(), params: parameters(cursor) };
}

/** Reads a Content-Disposition value; undefined where there is no type. */
export function parseDisposition(value: string): Disposition | undefined {
  const cursor = new Cursor(value);
  cursor.skipBlanks();
  const type = cursor.token();
  return type === '' ? undefined : { type: type.toLowerCase(), params: parameters(cursor) };
}

/** A value of one token, lower case: Content-Transfer-Encoding. Undefined when it is none or more follows. */
export function parseToken(value: string): string | undefined {
  const cursor = new Cursor(value);
  cursor.skipBlanks();
  const token = cursor.token();
  cursor.skipBlanks();
  // A semicolon behind it is a common slip.
  const ends = cursor.at >= value.length || value[cursor.at] === ';';
  return token === '' || !ends ? undefined : token.toLowerCase();
}

/** The tags of Content-Language (RFC 3282). */
export function parseLanguages(value: string): string[] {
  const cursor = new Cursor(value);
  const tags: string[] = [];
  while (cursor.at < value.length && tags.length < MAX_PARAMETERS) {
    cursor.skipBlanks();
    const tag = cursor.token();
    if (tag !== '') tags.push(tag);
    else cursor.at++;
  }
  return tags;
}

function parameters(cursor: Cursor): Parameter[] {
  const found: Parameter[] = [];
  let continued = false;
  cursor.skipParameter();
  while (cursor.at < cursor.text.length && found.length < MAX_PARAMETERS) {
    cursor.skipBlanks();
    const name = cursor.token().toLowerCase();
    cursor.skipBlanks();
    if (name !== '' && cursor.take(61)) {
      cursor.skipBlanks();
      found.push([name, cursor.value()]);
      continued ||= name.includes('*');
    }
    cursor.skipParameter();
  }
  return continued ? joinContinuations(found) : found;
}

interface Continuation {
  pieces: { value: string; encoded: boolean }[];
  encoded: boolean;
}

/**
 * Joins `name*0`, `name*1` … to one `name`, or `name*` where a piece is percent-encoded (RFC 2231 section 3 and 4.1):
 * clients read one parameter better than pieces. A piece without its forerunners is left as it is.
 */
function joinContinuations(found: Parameter[]): Parameter[] {
  const joined = new Map<string, Continuation>();
  for (const [name, value] of found) {
    const match = /^([^*]+)\*(\d{1,3})(\*?)$/.exec(name);
    if (match === null) continue;
    let continuation = joined.get(match[1]!);
    if (continuation === undefined) {
      continuation = { pieces: [], encoded: false };
      joined.set(match[1]!, continuation);
    }
    const encoded = match[3] === '*';
    continuation.pieces[Number(match[2])] ??= { value, encoded };
    continuation.encoded ||= encoded;
  }
  const result: Parameter[] = [];
  for (const [name, value] of found) {
    const match = /^([^*]+)\*(\d{1,3})\*?$/.exec(name);
    const continuation = match === null ? undefined : joined.get(match[1]!);
    if (match === null || continuation === undefined || !isComplete(continuation)) result.push([name, value]);
    else if (Number(match[2]) === 0) result.push([match[1]! + (continuation.encoded ? '*' : ''), join(continuation)]);
  }
  return result;
}

function isComplete({ pieces }: Continuation): boolean {
  for (let index = 0; index < pieces.length; index++) if (pieces[index] === undefined) return false;
  return true;
}

function join({ pieces, encoded }: Continuation): string {
  return pieces.map((piece) => (encoded && !piece.encoded ? percentEncoded(piece.value) : piece.value)).join('');
}

function percentEncoded(value: string): string {
  return value.replace(/[^\w.+-]/g, (char) => {
    const code = char.charCodeAt(0) & 255;
    return `%${code < 16 ? '0' : ''}${code.toString(16).toUpperCase()}`;
  });
}

/** The value of a parameter; the name in lower case. */
export function parameter(params: readonly (readonly [string, string])[], name: string): string | undefined {
  for (const [key, value] of params) if (key === name) return value;
  return undefined;
}
