import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { percentile } from '../framework/statistics.ts';
import { drive, inParallel } from './drive.ts';
import { Histogram } from './histogram.ts';
import { ImapLoad, imapCommand } from './imap.ts';
import { envelope, SmtpLoad } from './smtp.ts';

let server: Server | undefined;
afterEach(() => {
  server?.close();
  server = undefined;
});

/** A server that greets and hands each piece that comes to `answer`. */
async function serve(greeting: string, answer: (socket: Socket, text: string) => void): Promise<number> {
  server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {});
    socket.write(greeting);
    socket.on('data', (octets) => answer(socket, octets.toString('latin1')));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as { port: number }).port;
}

/** Writes pieces so that each is read for itself. */
function inPieces(socket: Socket, pieces: readonly string[]): void {
  const [first, ...rest] = pieces;
  if (first === undefined) return;
  socket.write(first);
  setTimeout(() => inPieces(socket, rest), 2);
}

describe('the histogram', () => {
  it('has the percentiles of the values, to three parts in a hundred', () => {
    const histogram = new Histogram();
    const values = Array.from({ length: 5000 }, (_, i) => ((i * 7919) % 5000) ** 2 / 7);
    for (const value of values) histogram.record(value);
    for (const share of [0.01, 0.5, 0.9, 0.99, 0.999]) {
      const exact = percentile(values, share);
      expect(Math.abs(histogram.percentile(share) - exact)).toBeLessThanOrEqual(Math.max(1, exact * 0.032));
    }
    expect(histogram.count).toBe(5000);
    expect(histogram.percentile(1)).toBeLessThanOrEqual(histogram.max);
  });

  it('tells small values apart exactly, and adds up', () => {
    const [one, two] = [new Histogram(), new Histogram()];
    for (let i = 1; i <= 30; i++) (i % 2 === 0 ? one : two).record(i);
    one.add(two);
    expect([0.1, 0.5, 1].map((share) => one.percentile(share))).toEqual([3, 15, 30]);
    expect(new Histogram().percentile(0.5)).toBeNaN();
  });
});

describe('the IMAP client', () => {
  const ok = '~b OK done\r\n';

  it('knows the end of an answer however it is cut', async () => {
    const answer = `* 1 FETCH (BODY[] {14}\r\nx\r\n~c OK no\r\n)\r\n${ok}`;
    let cut = 1;
    const port = await serve('* OK\r\n', (socket) => inPieces(socket, [answer.slice(0, cut), answer.slice(cut)]));
    const client = await ImapLoad.open({ port });
    for (; cut < answer.length; cut++) {
      await client.run(imapCommand('FETCH 1 (BODY.PEEK[])'));
      expect(client.received).toBe(answer.length);
    }
    client.close();
  });

  it('takes what the server says after the end of the command', async () => {
    const port = await serve('* OK\r\n', (socket) => socket.write(`* 1 EXISTS\r\n${ok}* 2 EXISTS\r\n`));
    const client = await ImapLoad.open({ port });
    expect((await client.ask('NOOP')).toString()).toBe('* 1 EXISTS');
    client.close();
  });

  it('fails when the command does, when the connection ends, and goes on afterwards', async () => {
    let reply = '~b NO [OVERQUOTA] full\r\n';
    const port = await serve('* OK\r\n', (socket) => (reply === '' ? socket.destroy() : socket.write(reply)));
    const client = await ImapLoad.open({ port });
    await expect(client.run(imapCommand('COPY 1 x'))).rejects.toThrow('COPY 1 x: ~b NO [OVERQUOTA] full');
    reply = ok;
    await client.run(imapCommand('NOOP'));
    reply = '';
    await expect(client.run(imapCommand('NOOP'))).rejects.toThrow('the connection ended');
  });

  it('idles, and hands on what comes', async () => {
    const port = await serve('* OK\r\n', (socket) => inPieces(socket, ['+ idling\r\n', '* 3 EXISTS\r\n']));
    const client = await ImapLoad.open({ port });
    const told = new Promise<string>((resolve) => void client.idle((octets) => resolve(octets.toString())));
    expect(await told).toBe('* 3 EXISTS\r\n');
    client.close();
  });
});

describe('the SMTP client', () => {
  it('counts the replies of a pipelined envelope, and delivers whole messages', async () => {
    const got: string[] = [];
    const port = await serve('220 hi\r\n', (socket, text) => {
      got.push(text);
      if (text.startsWith('EHLO')) inPieces(socket, ['250-mx\r\n250-PIPE', 'LINING\r\n250', ' SIZE\r\n']);
      else if (text.startsWith('MAIL')) inPieces(socket, ['250 ok\r\n250 ok\r\n25', '0 ok\r\n354 go\r\n']);
      else if (text.endsWith('\r\n.\r\n')) socket.write('250 taken\r\n');
    });
    const client = await SmtpLoad.open({ port });
    const to = envelope(['a@example.test', 'b@example.test']);
    expect(to.replies).toBe(4);
    for (let n = 0; n < 3; n++) await client.deliver(to, Buffer.from('Subject: x\r\n\r\nhello\r\n'));
    expect(got.filter((text) => text.includes('hello\r\n.\r\n'))).toHaveLength(3);
    client.close();
  });

  it('fails when the server refuses', async () => {
    const port = await serve('220 hi\r\n', (socket, text) =>
      socket.write(text.startsWith('EHLO') ? '250 ok\r\n' : '250 ok\r\n550 who\r\n503 no\r\n'),
    );
    const client = await SmtpLoad.open({ port });
    await expect(client.deliver(envelope(['a@example.test']), Buffer.from('x\r\n'))).rejects.toThrow('5xx');
    client.close();
  });
});

describe('driving', () => {
  it('keeps every client at work and counts all of it', async () => {
    const done = [0, 0, 0];
    const load = await drive(
      [0, 1, 2],
      60_000,
      async (client) => {
        done[client] = (done[client] as number) + 1;
      },
      90,
    );
    expect(load.count).toBe(90);
    expect(load.times.count).toBe(90);
    expect(done.every((count) => count > 0)).toBe(true);
  });

  it('does work for each, so many at a time', async () => {
    let now = 0;
    let most = 0;
    const results = await inParallel(10, 3, async (i) => {
      most = Math.max(most, ++now);
      await Promise.resolve();
      now -= 1;
      return i * 2;
    });
    expect(results).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
    expect(most).toBe(3);
  });
});
