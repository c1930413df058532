import { appendRows, MailboxSnapshot } from '@stoa/mail';
import type { AccountTransaction } from '../../services/store-router/src/account/transaction.ts';
import { embeddedStores } from '../../services/store-router/test/support/embedded.ts';
import { call, newAccount, open, sync, testRouter } from '../../services/store-router/test/support/router.ts';

/*
 * A mailbox of a million messages, and changes to ten thousand:
 *   node --conditions=stoa-source --expose-gc bench/mailbox/large.ts
 */
const MILLION = 1_000_000;
const stores = await embeddedStores();
const router = testRouter({ data: stores.data, blobs: stores.blobs });

function print(what: string, ms: number, more = ''): void {
  process.stdout.write(`${what}: ${ms.toFixed(1)} ms ${more}\n`);
}

async function timed<T>(what: string, work: () => Promise<T>, more: (result: T) => string = () => ''): Promise<T> {
  globalThis.gc?.();
  const begin = performance.now();
  const result = await work();
  print(what, performance.now() - begin, more(result));
  return result;
}

/** Fills INBOX with index chunks alone, 100,000 messages a commit. */
async function fill(accountId: string, count: number): Promise<number> {
  for (let done = 0; done < count; ) {
    const upTo = Math.min(done + 100_096, count);
    await router.accounts.write(accountId, async (transaction: AccountTransaction) => {
      const { id } = transaction.mailboxNamed('INBOX');
      const status = await transaction.status(id);
      for (let uid = done + 1; uid <= upTo; uid += 256) {
        const rows = Array.from({ length: Math.min(256, upTo - uid + 1) }, (_, i) => ({
          uid: uid + i,
          flags: (uid + i) % 3 === 0 ? 0 : 1,
          keywordsHigh: 0,
          size: 2000 + (((uid + i) * 7919) % 60_000),
          seconds: 1_600_000_000 + (uid + i) * 60,
        }));
        transaction.setChunk(id, (uid - 1) / 256, appendRows(undefined, rows, transaction.modseq));
      }
      transaction.setStatus(id, { ...status, uidNext: upTo + 1, messages: upTo });
    });
    done = upTo;
  }
  return count;
}

const big = await newAccount(router);
await timed('fill one million', () => fill(big, MILLION));
for (let i = 0; i < 3; i++) {
  await timed(
    'open one million, stream only',
    async () => {
      let bytes = 0;
      let most = 0;
      const request = {
        accountId: big,
        mailbox: { $case: 'name' as const, value: 'INBOX' },
        claimRecent: false,
        stateOnly: false,
      };
      for await (const { part } of router.mail.openMailbox(request, call())) {
        if (part?.$case !== 'chunks') continue;
        let message = 0;
        for (const chunk of part.value.packed ?? []) message += chunk.length;
        bytes += message;
        most = Math.max(most, message);
      }
      return { bytes, most };
    },
    ({ bytes, most }) => `${(bytes / MILLION).toFixed(1)} octets a message, largest part ${most}`,
  );
}
for (let i = 0; i < 3; i++) {
  const { snapshot } = await timed('open one million, with snapshot', () => open(router, big, 'INBOX'));
  await timed('decode uids and flags of all', async () => {
    let sum = 0;
    for (const chunk of snapshot.chunks) sum += chunk.uids[0]! + chunk.flags[0]!;
    return sum;
  });
  await timed('decode all columns', async () => {
    let sum = 0;
    const again = MailboxSnapshot.decode(snapshot.chunks.map((chunk) => chunk.packed));
    for (const chunk of again.chunks) {
      sum +=
        chunk.uids[0]! +
        chunk.flags[0]! +
        chunk.modseqs[0]! +
        chunk.keywordsHigh[0]! +
        chunk.sizes[0]! +
        chunk.seconds[0]!;
    }
    return sum;
  });
}
let opened = await open(router, big, 'INBOX');
const { mailboxId } = opened.state;
const flag = (accountId: string, id: number, bounds: number[], mode: 1 | 2, knownModseq: number) =>
  router.mail.storeFlags(
    { accountId, mailboxId: id, uids: { bounds }, mode, flags: 4, keywords: [], knownModseq },
    call(),
  );
for (const mode of [1, 2] as const) {
  await timed('flags of 1 message in a million', () =>
    flag(big, mailboxId, [500_000, 500_000], mode, opened.state.highestModseq),
  );
}
opened = await sync(router, big, opened);
for (const mode of [1, 2] as const) {
  await timed('flags of 10,000 messages', () =>
    flag(big, mailboxId, [200_001, 210_000], mode, opened.state.highestModseq),
  );
}
await timed('sync of 10,000 changed', () => sync(router, big, opened));
await timed('flags of a million messages', () => flag(big, mailboxId, [1, MILLION], 1, 0));
await timed('sync of a million changed', () => sync(router, big, opened));

const small = await newAccount(router);
const { state } = await open(router, small, 'INBOX');
await timed('append 10,000 messages in commits of 2,000', async () => {
  const { insertMessages } = await import('../../services/store-router/src/account/messages.ts');
  for (let i = 0; i < 5; i++) {
    const message = {
      blobId: new Uint8Array(32).fill(i),
      size: 4000,
      internalDate: Date.now(),
      structure: new Uint8Array(300),
      words: { low: 0, high: 0 },
    };
    await router.accounts.write(small, (transaction) =>
      insertMessages(
        transaction,
        state.mailboxId,
        Array.from({ length: 2000 }, () => message),
      ),
    );
  }
});
const copy = (toMailbox: string, move: boolean) =>
  router.mail.copyMessages(
    { accountId: small, mailboxId: state.mailboxId, uids: { bounds: [1, 10_000] }, toMailbox, move, knownModseq: 0 },
    call(),
  );
await timed('copy 10,000 messages', () => copy('Archive', false));
await timed('flag 10,000 as deleted', () => flag(small, state.mailboxId, [1, 10_000], 1, 0));
await timed('move 10,000 messages', () => copy('Trash', true));
const trash = (await open(router, small, 'Trash')).state;
await timed(
  'fetch 10,000 records',
  async () => {
    let count = 0;
    const request = { accountId: small, mailboxId: trash.mailboxId, uids: { bounds: [1, 10_000] } };
    for await (const { messages } of router.mail.fetchMessages(request, call())) count += messages?.length ?? 0;
    return count;
  },
  String,
);
await router.mail.storeFlags(
  {
    accountId: small,
    mailboxId: trash.mailboxId,
    uids: { bounds: [1, 10_000] },
    mode: 1,
    flags: 8,
    keywords: [],
    knownModseq: 0,
  },
  call(),
);
await timed('expunge 10,000 messages', () =>
  router.mail.expungeMessages({ accountId: small, mailboxId: trash.mailboxId, knownModseq: 0 }, call()),
);
process.stdout.write(`rss ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB\n`);
await stores.close();
