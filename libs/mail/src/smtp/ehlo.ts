import type { SmtpReply } from './reply.ts';

export interface EhloKeyword {
  readonly keyword: string;
  readonly parameters?: readonly string[];
}

/** What a server says of itself in reply to EHLO or LHLO (RFC 5321 section 4.1.1.1). */
export interface EhloCapabilities {
  readonly domain: string;
  /** What stands behind the domain; often empty. */
  readonly greeting: string;
  /** Keyword in upper case to its parameters as written. */
  readonly keywords: ReadonlyMap<string, readonly string[]>;
}

/**
 * The reply to EHLO or LHLO.
 * @throws RangeError for a keyword or parameter that the grammar does not allow
 */
export function ehloReply(domain: string, greeting: string, keywords: readonly EhloKeyword[]): SmtpReply {
  const lines = [greeting === '' ? domain : `${domain} ${greeting}`];
  for (const { keyword, parameters = [] } of keywords) {
    if (!/^[A-Za-z0-9][A-Za-z0-9-]*$/.test(keyword) || !parameters.every((word) => /^[\x21-\x7e]+$/.test(word))) {
      throw new RangeError(`EHLO keyword ${keyword}`);
    }
    lines.push([keyword, ...parameters].join(' '));
  }
  return { code: 250, lines };
}

/** Reads the reply to EHLO or LHLO, leaving out lines that are no keyword; `AUTH=LOGIN` of old servers counts as AUTH. */
export function parseEhloReply(reply: SmtpReply): EhloCapabilities {
  const [first = '', ...rest] = reply.lines;
  const space = first.indexOf(' ');
  const keywords = new Map<string, readonly string[]>();
  for (const line of rest) {
    const [word = '', ...parameters] = line
      .replace(/^AUTH=/i, 'AUTH ')
      .split(' ')
      .filter((part) => part !== '');
    const keyword = word.toUpperCase();
    if (!/^[A-Z0-9][A-Z0-9-]*$/.test(keyword)) continue;
    keywords.set(keyword, [...new Set([...(keywords.get(keyword) ?? []), ...parameters])]);
  }
  return {
    domain: space < 0 ? first : first.slice(0, space),
    greeting: space < 0 ? '' : first.slice(space + 1),
    keywords,
  };
}

/** The limit that SIZE states (RFC 1870 section 3): octets; undefined when there is none or it is not told. */
export function ehloSizeLimit(capabilities: EhloCapabilities): number | undefined {
  const value = capabilities.keywords.get('SIZE')?.[0];
  const size = value !== undefined && /^\d{1,20}$/.test(value) ? Number(value) : 0;
  return size > 0 ? size : undefined;
}
