import { formatMailDate } from '../mime/date-time.ts';
import { commentText, foldField, singleLine } from './header-text.ts';

/** How a message came, for the `with` of Received (RFC 5321 section 4.4, RFC 3848, RFC 6531 section 3.7.3). */
export interface Transmission {
  /** HELO is plain SMTP. */
  greeting: 'HELO' | 'EHLO' | 'LHLO';
  tls: boolean;
  authenticated: boolean;
  /** The transaction asked for SMTPUTF8. */
  utf8: boolean;
}

export type TransmissionProtocol = 'SMTP' | `${'ESMTP' | 'LMTP' | 'UTF8SMTP' | 'UTF8LMTP'}${'' | 'S'}${'' | 'A'}`;

export function transmissionProtocol({ greeting, tls, authenticated, utf8 }: Transmission): TransmissionProtocol {
  if (greeting === 'HELO' && !tls && !authenticated && !utf8) return 'SMTP';
  const base = greeting === 'LHLO' ? (utf8 ? 'UTF8LMTP' : 'LMTP') : utf8 ? 'UTF8SMTP' : 'ESMTP';
  return `${base}${tls ? 'S' : ''}${authenticated ? 'A' : ''}`;
}

export interface Received {
  /** The name that the client gave. */
  from: string;
  /** The client's address; undefined leaves it out, as for submission where it would tell where a user is. */
  address: string | undefined;
  /** The client's name in DNS, where known. */
  reverse?: string | undefined;
  /** The name of this server. */
  by: string;
  protocol: string;
  /** TLS version and cipher, shown as a comment. */
  tls?: string | undefined;
  /** The id in the queue or log. */
  id: string;
  /** The one recipient; undefined where there are several, who must not learn of each other. */
  recipient?: string | undefined;
  epochMs: number;
  /** Minutes east of UTC. */
  zone?: number;
}

/** The Received field with its CRLF, folded (RFC 5321 section 4.4). What a client gave cannot break out of its place. */
export function formatReceived(received: Received): string {
  const { address } = received;
  const pieces = [`from ${atom(received.from)}`];
  if (address !== undefined) {
    const literal = `[${addressLiteral(address)}]`;
    pieces.push(received.reverse === undefined ? `(${literal})` : `(${atom(received.reverse)} ${literal})`);
  }
  pieces.push(`by ${atom(received.by)}`, `with ${atom(received.protocol)}`);
  if (received.tls !== undefined) pieces.push(`(${commentText(received.tls)})`);
  pieces.push(`id ${atom(received.id)}`);
  if (received.recipient !== undefined) pieces.push(`for <${singleLine(received.recipient)}>`);
  pieces[pieces.length - 1] += ';';
  pieces.push(formatMailDate(received.epochMs, received.zone ?? 0));
  return foldField('Received', pieces);
}

/** The Return-Path field with its CRLF; the address as `formatAddress` writes it, empty for the null sender. */
export function formatReturnPath(address: string): string {
  return `Return-Path: <${singleLine(address)}>\r\n`;
}

/** A word that must not hold blanks or delimiters of the field. */
function atom(text: string): string {
  const word = text.replace(/[\x00-\x20\x7f();<>"\\,]/g, '_');
  return word === '' ? '_' : word;
}

/** As an address literal has it (RFC 5321 section 4.1.3); a mapped IPv4 address is shown as IPv4. */
function addressLiteral(address: string): string {
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address);
  if (mapped !== null) return mapped[1]!;
  return address.includes(':') ? `IPv6:${atom(address)}` : atom(address);
}
