import { type Client, plugin } from '@stoa/contracts';
import type { CallOptions, SearchDocument, SearchMatch, SearchScope, SearchStore, SearchTerm } from '@stoa/plugin-sdk';
import type { RemoteConnection } from './connection.ts';

/** A full-text index that another process serves. */
export class RemoteSearchStore implements SearchStore {
  readonly #connection: RemoteConnection;
  readonly #client: Client<typeof plugin.searchStore.SearchStoreServiceDefinition>;

  constructor(connection: RemoteConnection) {
    this.#connection = connection;
    this.#client = connection.client(plugin.searchStore.SearchStoreServiceDefinition);
  }

  index(
    scope: SearchScope,
    documents: readonly SearchDocument[],
    indexedToUid: number,
    options?: CallOptions,
  ): Promise<void> {
    return this.#connection.call(async () => {
      await this.#client.index({ scope, documents, indexedToUid }, { signal: options?.signal });
    }, options);
  }

  remove(
    scope: { accountId: string; mailboxId?: number | undefined },
    uids?: readonly number[],
    options?: CallOptions,
  ): Promise<void> {
    return this.#connection.call(async () => {
      // On the wire no UIDs mean all of them; here they mean none.
      if (uids?.length === 0) return;
      await this.#client.remove({ ...scope, uids: uids ?? [] }, { signal: options?.signal });
    }, options);
  }

  query(scope: SearchScope, terms: readonly SearchTerm[], options?: CallOptions): Promise<SearchMatch[]> {
    return this.#connection.call(async () => {
      const { matches } = await this.#client.query({ scope, terms }, { signal: options?.signal });
      return matches.map(({ uids, narrowed }) => ({ uids: Uint32Array.from(uids), narrowed }));
    }, options);
  }

  indexedToUid(scope: SearchScope, options?: CallOptions): Promise<number> {
    return this.#connection.call(
      async () => (await this.#client.progress({ scope }, { signal: options?.signal })).indexedToUid,
      options,
    );
  }

  check(): Promise<void> {
    return this.#connection.check();
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}
