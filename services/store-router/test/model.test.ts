import { storage } from '@stoa/contracts';
import { eachNumber, numberSet } from '@stoa/mail';
import type { BlobStore, DataStore } from '@stoa/plugin-sdk';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Accounts } from '../src/account/accounts.ts';
import { mailService } from '../src/mail/service.ts';
import { embeddedStores } from './support/embedded.ts';
import { ChaoticStore, type Faults, Interleaver } from './support/interleaver.ts';
import { MemoryBlobStore } from './support/memory-blob-store.ts';
import { MemoryDataStore } from './support/memory-data-store.ts';
import { type ModelOperation, ReferenceModel, shownMessages } from './support/reference-model.ts';
import {
  type AnyDelta,
  call,
  deliveryOf,
  follow,
  newAccount,
  type Opened,
  open,
  sync,
  type TestRouter,
  testRouter,
} from './support/router.ts';

const MAILBOXES = ['INBOX', 'Archive'];
const Mode = storage.StoreFlagsRequest_Mode;
const MODES = { add: Mode.MODE_ADD, remove: Mode.MODE_REMOVE, replace: Mode.MODE_REPLACE };

const mailbox = fc.constantFrom(...MAILBOXES);
/** The first UID of the runs lies before the border of two chunks, so that both are used. */
const FIRST_UID = 254;
const place = fc.integer({ min: FIRST_UID, max: FIRST_UID + 11 });
const uids = fc.array(fc.tuple(place, place), { minLength: 1, maxLength: 3 }).map(numberSet);
const operation: fc.Arbitrary<ModelOperation> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('deliver' as const), mailbox, body: fc.constantFrom('a', 'b', 'c') }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('flags' as const),
      mailbox,
      uids,
      mode: fc.constantFrom('add' as const, 'remove' as const, 'replace' as const),
      flags: fc.constantFrom(0, 1, 8, 9),
      keywords: fc.subarray(['$Junk', 'work']),
      unchangedSince: fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('copy' as const), mailbox, uids, to: mailbox, move: fc.boolean() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('expunge' as const), mailbox, uids: fc.option(uids, { nil: undefined }) }),
  },
);
const clients = fc.array(fc.record({ router: fc.nat(1), operations: fc.array(operation, { maxLength: 8 }) }), {
  minLength: 2,
  maxLength: 4,
});

/** An operation that was done: its MODSEQ (0: it changed nothing) and what was answered. */
interface Done {
  operation: ModelOperation;
  modseq: number;
  uids: number[];
  modified: number[];
}

/** A session's view of a mailbox at some time. */
interface Sample {
  mailbox: string;
  opened: Opened;
}

class ModelClient {
  readonly #router: TestRouter;
  readonly #accountId: string;
  readonly #views = new Map<string, Opened>();
  readonly done: Done[] = [];
  readonly samples: Sample[] = [];

  constructor(router: TestRouter, accountId: string) {
    this.#router = router;
    this.#accountId = accountId;
  }

  async #view(name: string): Promise<Opened> {
    const view = this.#views.get(name) ?? (await open(this.#router, this.#accountId, name));
    this.#views.set(name, view);
    return view;
  }

  #keep(name: string, opened: Opened): void {
    this.#views.set(name, opened);
    this.samples.push({ mailbox: name, opened });
  }

  async syncAll(): Promise<void> {
    for (const name of MAILBOXES) this.#keep(name, await sync(this.#router, this.#accountId, await this.#view(name)));
  }

  async run(operation: ModelOperation, key: string): Promise<void> {
    let modseq = 0;
    const accounts: Accounts = Object.create(this.#router.accounts, {
      write: {
        value: (...[id, run, signal]: Parameters<Accounts['write']>) =>
          this.#router.accounts.write(
            id,
            async (transaction) => {
              const result = await run(transaction);
              modseq = transaction.writes ? transaction.modseq : 0;
              return result;
            },
            signal,
          ),
      },
    });
    const mail = mailService({ ...this.#router.context, accounts });
    const accountId = this.#accountId;
    const view = await this.#view(operation.mailbox);
    const { mailboxId, highestModseq: knownModseq } = view.state;
    const common = { accountId, mailboxId, knownModseq };
    let delta: AnyDelta | undefined;
    const answer: { uids: number[]; modified: number[] } = { uids: [], modified: [] };
    if (operation.kind === 'deliver') {
      const request = deliveryOf([{ accountId, mailbox: operation.mailbox }], operation.body, { idempotencyKey: key });
      const { results } = await mail.deliver(request, call());
      expect(results?.[0]?.errorCode).toBe('');
      answer.uids = [results![0]!.uid!];
    } else if (operation.kind === 'flags') {
      const { flags, keywords, unchangedSince } = operation;
      const request = {
        ...common,
        uids: { bounds: operation.uids },
        mode: MODES[operation.mode],
        flags,
        keywords,
        unchangedSince,
      };
      const response = await mail.storeFlags(request, call());
      delta = response.delta as AnyDelta;
      answer.modified = [...eachNumber(response.modified?.bounds ?? [])];
    } else if (operation.kind === 'copy') {
      const request = { ...common, uids: { bounds: operation.uids }, toMailbox: operation.to, move: operation.move };
      const response = await mail.copyMessages(request, call());
      delta = response.delta as AnyDelta;
      answer.uids = [...eachNumber(response.toUids?.bounds ?? [])];
    } else {
      const request = { ...common, uids: operation.uids && { bounds: operation.uids } };
      delta = (await mail.expungeMessages(request, call())).delta as AnyDelta;
    }
    this.done.push({ operation, modseq, ...answer });
    if (delta === undefined) return;
    expect(delta.reopen).toBe(false);
    const newest = delta.partial ? await sync(this.#router, accountId, view) : follow(view, delta);
    this.#keep(operation.mailbox, newest);
  }
}

/** Replays what was done in the order of the MODSEQs, and compares answers and every view that a session ever had. */
function check(clientsRun: readonly ModelClient[]): ReferenceModel {
  const done = clientsRun.flatMap((client) => client.done).filter(({ modseq }) => modseq > 0);
  done.sort((a, b) => a.modseq - b.modseq);
  expect(new Set(done.map(({ modseq }) => modseq)).size).toBe(done.length);
  const samples = clientsRun.flatMap((client) => client.samples);
  const model = new ReferenceModel();
  for (const name of MAILBOXES) model.mailbox(name).uidNext = FIRST_UID;
  const compare = (from: number, to: number) => {
    for (const { mailbox: name, opened } of samples) {
      const at = opened.state.highestModseq;
      if (at < from || at >= to) continue;
      const expected = model.mailbox(name).messages.map(({ body: _, ...message }) => message);
      expect(shownMessages(opened.snapshot, opened.state)).toEqual(expected);
      expect(opened.state).toMatchObject({
        uidNext: model.mailbox(name).uidNext,
        highestModseq: model.mailbox(name).highestModseq,
        messages: expected.length,
        unseen: expected.filter(({ flags }) => (flags & 1) === 0).length,
        deleted: expected.filter(({ flags }) => (flags & 8) !== 0).length,
        size: expected.length,
      });
    }
  };
  let previous = 0;
  for (const { operation: what, modseq, ...answer } of done) {
    compare(previous, modseq);
    expect(model.apply(what, modseq)).toEqual(answer);
    previous = modseq;
  }
  compare(previous, Number.POSITIVE_INFINITY);
  return model;
}

async function scenario(
  seed: number,
  plan: readonly { router: number; operations: readonly ModelOperation[] }[],
  faults: Faults,
  data: DataStore = new MemoryDataStore(),
  blobs: BlobStore = new MemoryBlobStore(Date.now),
): Promise<void> {
  const interleaver = new Interleaver(seed);
  const quiet = testRouter({ data, blobs });
  const accountId = await newAccount(quiet);
  await quiet.accounts.write(accountId, async (transaction) => {
    for (const name of MAILBOXES) {
      const { id } = transaction.mailboxNamed(name);
      transaction.setStatusQuietly(id, { ...(await transaction.status(id)), uidNext: FIRST_UID });
    }
  });
  const environment = { blobs, delay: () => interleaver.step(), random: interleaver.random };
  const stores = [0, 1].map(() => new ChaoticStore(data, interleaver));
  const routers = stores.map((store) => testRouter({ data: store, ...environment }));
  const running = plan.map(({ router }) => new ModelClient(routers[router]!, accountId));
  await interleaver.run(Promise.all(running.map((client) => client.syncAll())));
  for (const store of stores) store.faults = faults;
  await interleaver.run(
    Promise.all(
      plan.map(async ({ operations }, i) => {
        for (const [n, what] of operations.entries()) await running[i]!.run(what, `${i}.${n}`);
      }),
    ),
  );
  for (const store of stores) store.faults = { before: 0, after: 0, late: 0 };
  await interleaver.run(Promise.all(running.map((client) => client.syncAll())));
  const model = check(running);
  const total = [...model.mailboxes.values()].reduce((sum, { messages }) => sum + messages.length, 0);
  expect(await quiet.accounts.usage(accountId)).toMatchObject({ messages: total, usedBytes: total });
}

describe('the mailbox model under interleaved clients on two routers', () => {
  it('is a sequence of operations in the order of their MODSEQs, and every delta is complete', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), clients, (seed, plan) => scenario(seed, plan, { before: 0, after: 0, late: 0 })),
      { numRuns: 150 },
    );
  });

  it('does each operation exactly once while commits fail before, after or long before they are applied', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), clients, (seed, plan) =>
        scenario(seed, plan, { before: 0.1, after: 0.15, late: 0.05 }),
      ),
      { numRuns: 150 },
    );
  });

  it('is the same on LMDB and files', async () => {
    const stores = await embeddedStores();
    try {
      const faults = { before: 0.1, after: 0.1, late: 0.05 };
      await fc.assert(
        fc.asyncProperty(fc.nat(), clients, (seed, plan) => scenario(seed, plan, faults, stores.data, stores.blobs)),
        { numRuns: 10 },
      );
    } finally {
      await stores.close();
    }
  });
});
