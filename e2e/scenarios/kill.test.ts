import { createHash, randomBytes, randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imapClient, sender } from '../support/clients.ts';
import { isOneStart, SHAPES, Stoa } from '../support/stoa.ts';

const ROUNDS = 4;
const SENDERS = 4;
const APPENDERS = 2;

const digest = (octets: Uint8Array | string) => createHash('sha256').update(octets).digest('hex');

/** A body that is like no other, with lines of every kind of length. */
function makeBody(): string {
  const lines = Array.from({ length: randomInt(3, 60) }, () => randomBytes(randomInt(1, 50)).toString('base64'));
  return `${lines.join('\r\n')}\r\n`;
}

/** The body of a message: what stands behind the first empty line. */
const bodyOf = (source: Buffer) => source.subarray(source.indexOf('\r\n\r\n') + 4);

describe.each(SHAPES)('kill -9 under load, %s', (shape) => {
  let stoa: Stoa;
  /** Digests of bodies that were acknowledged, and of all that were ever sent. */
  const acknowledged = new Set<string>();
  const attempted = new Set<string>();

  beforeAll(async () => {
    stoa = await Stoa.start(shape);
    await stoa.provision('alice');
  });
  afterAll(async () => stoa[Symbol.asyncDispose]());

  async function send(running: () => boolean, onDone: () => void): Promise<void> {
    while (running()) {
      const body = makeBody();
      attempted.add(digest(body));
      try {
        const raw = `From: out@elsewhere.test\r\nTo: alice@example.test\r\nSubject: s\r\n\r\n${body}`;
        await sender(stoa).sendMail({ envelope: { from: 'out@elsewhere.test', to: ['alice@example.test'] }, raw });
        acknowledged.add(digest(body));
        onDone();
      } catch {
        // Not acknowledged: it may be there once, or not at all.
        if (running()) await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  async function append(running: () => boolean, onDone: () => void): Promise<void> {
    while (running()) {
      try {
        const client = await imapClient(stoa, 'alice');
        try {
          while (running()) {
            const body = makeBody();
            attempted.add(digest(body));
            const done = await client.append('INBOX', `Subject: a\r\n\r\n${body}`);
            if (done === false) break;
            acknowledged.add(digest(body));
            onDone();
          }
        } finally {
          client.close();
        }
      } catch {
        if (running()) await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  it('loses and doubles nothing that was acknowledged, and UIDs never go back', async () => {
    const victims = isOneStart(shape)
      ? (['store-router'] as const)
      : (['store-router', 'smtp', 'imap', 'coordinator'] as const);
    let lastUid = 0;
    for (let round = 0; round < ROUNDS; round++) {
      let running = true;
      let done = 0;
      let enough: () => void = () => {};
      const loaded = new Promise<void>((resolve) => {
        enough = resolve;
      });
      const target = randomInt(20, 60);
      const onDone = () => {
        done += 1;
        if (done >= target) enough();
      };
      const work = [
        ...Array.from({ length: SENDERS }, () => send(() => running, onDone)),
        ...Array.from({ length: APPENDERS }, () => append(() => running, onDone)),
      ];
      await loaded;
      // One of several workers, or everything.
      if (shape === 'workers' && round % 3 !== 2) await stoa.killWorker(round % 2);
      else await stoa.kill(victims[round % victims.length] as (typeof victims)[number]);
      running = false;
      await Promise.all(work);
      await stoa.startAll();

      const client = await imapClient(stoa, 'alice');
      const { uidNext } = await client.mailboxOpen('INBOX');
      expect(uidNext).toBeGreaterThan(lastUid);
      lastUid = uidNext - 1;
      await client.logout();
    }

    const found = new Map<string, number>();
    const uids: number[] = [];
    const client = await imapClient(stoa, 'alice');
    await client.mailboxOpen('INBOX');
    for await (const { source, uid } of client.fetch('1:*', { source: true, uid: true })) {
      const sum = digest(bodyOf(source as Buffer));
      found.set(sum, (found.get(sum) ?? 0) + 1);
      uids.push(uid);
    }
    await client.logout();
    expect([...acknowledged].filter((sum) => found.get(sum) !== 1)).toEqual([]);
    expect([...found].filter(([sum, count]) => count !== 1 || !attempted.has(sum))).toEqual([]);
    expect(uids).toEqual([...uids].sort((a, b) => a - b));
    expect(new Set(uids).size).toBe(uids.length);
    expect(acknowledged.size).toBeGreaterThan(ROUNDS * 20);
  });
});
