import type { SearchDocument, SearchMatch, SearchScope, SearchStore, SearchTerm } from '@stoa/plugin-sdk';

/** A full-text index that looks at every document, for tests. */
export class MemorySearchStore implements SearchStore {
  readonly mailboxes = new Map<string, { documents: Map<number, SearchDocument>; indexedToUid: number }>();

  #mailbox({ accountId, mailboxId }: SearchScope) {
    const key = `${accountId}/${mailboxId}`;
    let mailbox = this.mailboxes.get(key);
    if (mailbox === undefined) {
      mailbox = { documents: new Map(), indexedToUid: 0 };
      this.mailboxes.set(key, mailbox);
    }
    return mailbox;
  }

  async index(scope: SearchScope, documents: readonly SearchDocument[], indexedToUid: number): Promise<void> {
    const mailbox = this.#mailbox(scope);
    for (const document of documents) mailbox.documents.set(document.uid, document);
    mailbox.indexedToUid = Math.max(mailbox.indexedToUid, indexedToUid);
  }

  async remove(scope: { accountId: string; mailboxId?: number }, uids?: readonly number[]): Promise<void> {
    for (const [key, { documents }] of this.mailboxes) {
      const [accountId, mailboxId] = key.split('/');
      if (accountId !== scope.accountId) continue;
      if (scope.mailboxId !== undefined && Number(mailboxId) !== scope.mailboxId) continue;
      if (uids === undefined) this.mailboxes.delete(key);
      else for (const uid of uids) documents.delete(uid);
    }
  }

  async query(scope: SearchScope, terms: readonly SearchTerm[]): Promise<SearchMatch[]> {
    const documents = [...this.#mailbox(scope).documents.values()].sort((a, b) => a.uid - b.uid);
    return terms.map(({ fields, text }) => {
      const found = documents.filter((document) =>
        fields.some((field) => document.fields[field]?.toLowerCase().includes(text.toLowerCase())),
      );
      return { uids: Uint32Array.from(found, ({ uid }) => uid), narrowed: true };
    });
  }

  async indexedToUid(scope: SearchScope): Promise<number> {
    return this.#mailbox(scope).indexedToUid;
  }

  async check(): Promise<void> {}
  async close(): Promise<void> {}
}
