import { type DataCondition, type DataStore, StoaError } from '@stoa/plugin-sdk';
import { BinaryReader, BinaryWriter } from '../account/binary.ts';
import { leaseExpiryKey, leaseOwnerKey } from '../keys-queue.ts';

const VERSION = 1;
const MAX_NAME = 256;

interface Owner {
  owner: string;
  /** Grows with every change of owner: the fencing token. */
  token: number;
}

function encodeOwner({ owner, token }: Owner): Uint8Array {
  return new BinaryWriter().number(VERSION).number(token).string(owner).finish();
}

function decodeOwner(bytes: Uint8Array): Owner {
  const reader = new BinaryReader(bytes, 'lease');
  reader.version(VERSION);
  const token = reader.number();
  return { token, owner: reader.string() };
}

const encodeExpiry = (expiresAt: number) => new BinaryWriter().number(VERSION).number(expiresAt).finish();

function decodeExpiry(bytes: Uint8Array): number {
  const reader = new BinaryReader(bytes, 'lease expiry');
  reader.version(VERSION);
  return reader.number();
}

/**
 * Ownership for a time, kept in the data store. Expiry is judged by the clock of the router that is asked, so clocks of
 * routers should differ by less than the shortest time to live in use. A clock that goes ahead takes leases from others too
 * early, which the fencing token bears; what it wrote would outlive its owner, and so ends when it is not renewed.
 */
export class Leases {
  readonly #store: DataStore;
  readonly #now: () => number;
  /** Expiries later than a clock like this one would write, and since when they have been so. */
  readonly #fromAhead = new Map<string, { expiresAt: number; since: number }>();

  constructor(store: DataStore, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  /** Takes or renews a lease. Rejects with `conflict` while another owner holds it. */
  async acquire(name: string, owner: string, ttlMs: number): Promise<{ token: number; expiresAt: number }> {
    if (name === '' || name.length > MAX_NAME || owner === '' || owner.length > MAX_NAME || ttlMs < 1) {
      throw new StoaError('invalid-argument', 'a lease needs a name, an owner and a time');
    }
    const [ownerRow, expiryRow] = await this.#store.get([leaseOwnerKey(name), leaseExpiryKey(name)]);
    const held = ownerRow === undefined ? undefined : decodeOwner(ownerRow);
    const expiresAt = this.#now() + ttlMs;
    const expiry = { type: 'put', key: leaseExpiryKey(name), value: encodeExpiry(expiresAt) } as const;
    const ownerUnchanged = { key: leaseOwnerKey(name), equals: ownerRow };
    if (held?.owner === owner) {
      await this.#store.commit({ conditions: [ownerUnchanged], mutations: [expiry] });
      return { token: held.token, expiresAt };
    }
    if (expiryRow !== undefined && !this.#isOver(name, decodeExpiry(expiryRow), ttlMs)) {
      throw new StoaError('conflict', `the lease ${name} is held by ${held?.owner ?? 'another'}`);
    }
    const token = (held?.token ?? 0) + 1;
    await this.#store.commit({
      conditions: [ownerUnchanged, { key: leaseExpiryKey(name), equals: expiryRow }],
      mutations: [{ type: 'put', key: leaseOwnerKey(name), value: encodeOwner({ owner, token }) }, expiry],
    });
    return { token, expiresAt };
  }

  #isOver(name: string, expiresAt: number, ttlMs: number): boolean {
    const now = this.#now();
    const seen = this.#fromAhead.get(name);
    this.#fromAhead.delete(name);
    if (expiresAt <= now + ttlMs) return expiresAt <= now;
    const since = seen?.expiresAt === expiresAt ? seen.since : now;
    if (now - since >= ttlMs) return true;
    this.#fromAhead.set(name, { expiresAt, since });
    return false;
  }

  /** Gives a lease back. Not being the owner is no error. The token is kept, so that it never repeats. */
  async release(name: string, owner: string): Promise<void> {
    const [ownerRow, expiryRow] = await this.#store.get([leaseOwnerKey(name), leaseExpiryKey(name)]);
    if (ownerRow === undefined || expiryRow === undefined) return;
    const held = decodeOwner(ownerRow);
    if (held.owner !== owner) return;
    await this.#store.commit({
      conditions: [{ key: leaseOwnerKey(name), equals: ownerRow }],
      mutations: [
        // Nobody: the owner that was must take it anew, with a new token.
        { type: 'put', key: leaseOwnerKey(name), value: encodeOwner({ owner: '', token: held.token }) },
        { type: 'delete', key: leaseExpiryKey(name) },
      ],
    });
  }

  /**
   * What must hold in a commit so that it has an effect only while this token is the lease's. Rejects with `conflict` when it
   * no longer is.
   */
  async fence(lease: string, token: number): Promise<DataCondition[]> {
    const key = leaseOwnerKey(lease);
    const [row] = await this.#store.get([key]);
    if (row === undefined || decodeOwner(row).token !== token || decodeOwner(row).owner === '') {
      throw new StoaError('conflict', `the lease ${lease} has another owner now`, { retryable: false });
    }
    return [{ key, equals: row }];
  }
}
