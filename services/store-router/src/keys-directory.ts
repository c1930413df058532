import { type Range, successor, TABLE } from './keys.ts';

const SECTION = { domain: 0x01, account: 0x02, address: 0x03, alias: 0x04 } as const;

function key(section: number, ...parts: (string | Uint8Array)[]): Buffer {
  return Buffer.concat([
    Buffer.from([TABLE.directory, section]),
    ...parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'utf8') : part)),
  ]);
}

/** Domain before local part, with a NUL between, so that a domain's addresses are neighbours. */
function byDomain(address: string): Buffer {
  const at = address.lastIndexOf('@');
  return Buffer.from(`${address.slice(at + 1)}\0${address.slice(0, at)}`, 'utf8');
}

/** The address that `byDomain` made. */
function fromDomainFirst(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('utf8');
  const nul = text.indexOf('\0');
  return `${text.slice(nul + 1)}@${text.slice(0, nul)}`;
}

export function domainKey(domain: string): Buffer {
  return key(SECTION.domain, domain);
}

export function domains(): Range {
  const start = key(SECTION.domain);
  return { start, end: successor(start) };
}

/** Row of an account, by its canonical address. */
export function accountKey(address: string): Buffer {
  return key(SECTION.account, byDomain(address));
}

/** Accounts of a domain; all for an empty one. */
export function accountsOf(domain: string): Range {
  const start = domain === '' ? key(SECTION.account) : key(SECTION.account, `${domain}\0`);
  return { start, end: successor(start) };
}

/** From an account's id to its address. */
export function addressKey(accountId: string): Buffer {
  return key(SECTION.address, Buffer.from(accountId, 'hex'));
}

export function aliasKey(address: string): Buffer {
  return key(SECTION.alias, byDomain(address));
}

export function aliasesOf(domain: string): Range {
  const start = domain === '' ? key(SECTION.alias) : key(SECTION.alias, `${domain}\0`);
  return { start, end: successor(start) };
}

/** The address of an account's or alias's key. */
export function addressOfKey(bytes: Uint8Array): string {
  return fromDomainFirst(bytes.subarray(2));
}
