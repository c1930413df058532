import { canonicalLocal } from '@stoa/mail';
import { StoaError } from '@stoa/plugin-sdk';
import { accountKey, aliasKey, domainKey } from '../keys-directory.ts';
import { domainOf, localOf, splitLocal } from './address.ts';
import { type AccountRow, decodeAccount, decodeAlias } from './rows.ts';

export interface LocalTarget {
  /** Canonical address of the account. */
  address: string;
  account: AccountRow;
  /** Mailbox named by the subaddress; empty when there is none. */
  mailbox: string;
}

export interface Resolution {
  kind: 'local' | 'remote' | 'unknown';
  local: LocalTarget[];
  /** Canonical addresses outside, reached through an alias. */
  remote: string[];
}

/** Where addresses are looked up. */
export interface AddressSource {
  /** Rows of the directory, in the order of the keys. */
  get(keys: readonly Buffer[]): Promise<(Uint8Array | undefined)[]>;
  /** Who gets the mail to postmaster of a domain in which nothing else takes it. */
  postmaster(domain: string): Promise<string | undefined>;
}

/** So many aliases one after the other. */
export const MAX_DEPTH = 10;
/** So many addresses on the way, the targets included. */
export const MAX_ADDRESSES = 1_000;

/**
 * Where mail for an address goes. An account comes before an alias, the exact address before the one without its subaddress,
 * both before the domain's catch-all. `postmaster` is there in every domain (RFC 5321 section 4.5.1): where none of these
 * takes it, the source says who does. Aliases are followed, each once: a cycle or a dead end adds nothing, and aliases
 * without bound are refused with `limit-exceeded`.
 */
export async function resolveAddress(source: AddressSource, address: string): Promise<Resolution> {
  const expansion = new Expansion(source);
  let wave: Iterable<string> = [address];
  for (let depth = 0; ; depth++) {
    const next = await expansion.follow([...wave], depth === 0);
    if (next === undefined) return { kind: 'remote', local: [], remote: [] };
    if (next.size === 0) break;
    if (depth === MAX_DEPTH) {
      throw new StoaError('limit-exceeded', `aliases lead on more than ${MAX_DEPTH} times`);
    }
    wave = next;
  }
  const local = [...expansion.local.values()];
  const remote = [...expansion.remote];
  return { kind: local.length + remote.length > 0 ? 'local' : 'unknown', local, remote };
}

class Expansion {
  readonly local = new Map<string, LocalTarget>();
  readonly remote = new Set<string>();
  readonly #visited = new Set<string>();
  readonly #source: AddressSource;

  constructor(source: AddressSource) {
    this.#source = source;
  }

  /** Looks addresses up with one read, and tells where they lead on to; undefined when the first is not in a domain of ours. */
  async follow(addresses: readonly string[], first: boolean): Promise<Set<string> | undefined> {
    const steps = addresses.map(step);
    const rows = await this.#source.get(steps.flatMap(({ keys }) => keys));
    const next = new Set<string>();
    let at = 0;
    for (const { address, domain, user, candidates, mailbox, keys } of steps) {
      const [domainRow, catchAll, ...found] = rows.slice(at, at + keys.length);
      at += keys.length;
      this.#visited.add(address);
      if (domainRow === undefined) {
        if (first) return undefined;
        this.remote.add(address);
        continue;
      }
      const match = candidates.findIndex((_, i) => found[2 * i] !== undefined || found[2 * i + 1] !== undefined);
      const [accountRow, aliasRow] = [found[2 * match], match < 0 ? catchAll : found[2 * match + 1]];
      if (accountRow !== undefined) {
        const account = decodeAccount(accountRow);
        const named = match === 1 ? mailbox : '';
        this.local.set(`${account.accountId}/${named}`, { address: candidates[match]!, account, mailbox: named });
      } else if (aliasRow !== undefined) {
        this.#lead(decodeAlias(aliasRow), next);
      } else if (user === 'postmaster') {
        const postmaster = await this.#source.postmaster(domain);
        if (postmaster !== undefined) this.#lead([postmaster], next);
      }
    }
    return next;
  }

  #lead(targets: readonly string[], next: Set<string>): void {
    for (const target of targets) if (!this.#visited.has(target)) next.add(target);
    if (this.#visited.size + next.size > MAX_ADDRESSES) {
      throw new StoaError('limit-exceeded', `an alias leads to more than ${MAX_ADDRESSES} addresses`);
    }
  }
}

function step(address: string) {
  const domain = domainOf(address);
  const local = localOf(address);
  const { user, detail } = splitLocal(local);
  const plain = `${user}@${domain}`;
  const candidates = detail === undefined ? [plain] : [`${canonicalLocal(local, { foldCase: true })}@${domain}`, plain];
  const keys = [
    domainKey(domain),
    aliasKey(`*@${domain}`),
    ...candidates.flatMap((each) => [accountKey(each), aliasKey(each)]),
  ];
  return { address, domain, user, candidates, mailbox: detail ?? '', keys };
}
