import { splitSubaddress } from '@stoa/mail';
import { StoaError } from '@stoa/plugin-sdk';
import { accountKey, aliasKey, domainKey } from '../keys-directory.ts';
import { domainOf, localOf } from './address.ts';
import type { RowCache } from './row-cache.ts';
import { type AccountRow, decodeAccount, decodeAlias } from './rows.ts';

export interface LocalTarget {
  address: string;
  account: AccountRow;
  /** Mailbox named by the subaddress; empty when there is none. */
  mailbox: string;
}

export interface Resolution {
  kind: 'local' | 'remote' | 'unknown';
  local: LocalTarget[];
  /** Addresses outside, reached through an alias. */
  remote: string[];
}

const MAX_DEPTH = 10;
const MAX_TARGETS = 1_000;

/**
 * Where mail for an address goes. An account comes before an alias, the exact address before the one without its subaddress,
 * both before the domain's catch-all; `postmaster` without any of them goes where the catch-all goes. Aliases are followed, each
 * once; a cycle or a dead end adds nothing, an expansion without bound is refused with `limit-exceeded`.
 */
export async function resolveAddress(cache: RowCache, address: string): Promise<Resolution> {
  const [domainRow] = await cache.get([domainKey(domainOf(address))]);
  if (domainRow === undefined) return { kind: 'remote', local: [], remote: [] };
  const found = new Map<string, LocalTarget>();
  const remote = new Set<string>();
  const visited = new Set<string>();
  let wave = [address];
  for (let depth = 0; wave.length > 0; depth++) {
    if (depth > MAX_DEPTH) throw new StoaError('limit-exceeded', `aliases lead on more than ${MAX_DEPTH} times`);
    const next: string[] = [];
    for (const step of wave) {
      if (visited.has(step)) continue;
      visited.add(step);
      if (visited.size > MAX_TARGETS)
        throw new StoaError('limit-exceeded', `an alias leads to more than ${MAX_TARGETS} addresses`);
      await expand(cache, step, depth > 0, found, remote, next);
    }
    wave = next;
  }
  const local = [...found.values()];
  return { kind: local.length + remote.size > 0 ? 'local' : 'unknown', local, remote: [...remote] };
}

async function expand(
  cache: RowCache,
  address: string,
  fromAlias: boolean,
  found: Map<string, LocalTarget>,
  remote: Set<string>,
  next: string[],
): Promise<void> {
  const domain = domainOf(address);
  if (fromAlias) {
    const [domainRow] = await cache.get([domainKey(domain)]);
    if (domainRow === undefined) {
      remote.add(address);
      return;
    }
  }
  const folded = address.toLowerCase();
  const { user, detail } = splitSubaddress(localOf(folded));
  const plain = `${user}@${domain}`;
  const candidates = detail === undefined ? [folded] : [folded, plain];
  const rows = await cache.get([
    ...candidates.flatMap((each) => [accountKey(each), aliasKey(each)]),
    aliasKey(`*@${domain}`),
  ]);
  for (const [i, candidate] of candidates.entries()) {
    const [accountRow, aliasRow] = [rows[2 * i], rows[2 * i + 1]];
    if (accountRow !== undefined) {
      const account = decodeAccount(accountRow);
      const mailbox = candidate === plain && detail !== undefined ? subaddressOf(address) : '';
      found.set(`${account.accountId}/${mailbox}`, { address: candidate, account, mailbox });
      return;
    }
    if (aliasRow !== undefined) {
      next.push(...decodeAlias(aliasRow));
      return;
    }
  }
  const catchAll = rows.at(-1);
  if (catchAll !== undefined) next.push(...decodeAlias(catchAll));
}

/** The detail as it was written, since mailbox names tell cases apart. */
function subaddressOf(address: string): string {
  return splitSubaddress(localOf(address)).detail ?? '';
}
