/**
 * How much the load generator itself can drive, against servers that do nothing but answer:
 *   node bench/load/calibrate.ts
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { drive, inParallel } from './drive.ts';
import { ImapLoad, imapCommand } from './imap.ts';
import { envelope, SmtpLoad } from './smtp.ts';

const ANSWER = Buffer.from('* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n~b OK done\r\n');
const ENVELOPE_TAKEN = Buffer.from('250 ok\r\n250 ok\r\n354 go\r\n');
const TAKEN = Buffer.from('250 taken\r\n');

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as { port: number }).port;
}

/** Answers each piece of octets that comes, without reading it: clients send one command at a time. */
async function serve(): Promise<void> {
  const imap = createServer({ noDelay: true }, (socket) => {
    socket.write('* OK\r\n');
    socket.on('data', () => socket.write(ANSWER));
    socket.on('error', () => {});
  });
  const smtp = createServer({ noDelay: true }, (socket) => {
    socket.write('220 ok\r\n');
    socket.on('data', (octets) => {
      if (octets[0] === 77) socket.write(ENVELOPE_TAKEN);
      else if (octets[octets.length - 3] === 46 || octets[0] === 69) socket.write(TAKEN);
    });
    socket.on('error', () => {});
  });
  process.send?.([await listening(imap), await listening(smtp)]);
  process.once('disconnect', () => process.exit());
}

async function measure(server: ChildProcess): Promise<void> {
  const [[imapPort, smtpPort]] = (await once(server, 'message')) as [[number, number]];
  const print = (line: string) => process.stdout.write(`${line}\n`);
  const command = imapCommand('FETCH 1 (UID FLAGS)');
  const to = envelope(['user1@example.test']);
  const message = Buffer.alloc(4096, `${'x'.repeat(62)}\r\n`);
  const cpu = () => process.cpuUsage().user + process.cpuUsage().system;
  for (const connections of [1, 20, 200]) {
    const imap = await inParallel(connections, 20, () => ImapLoad.open({ port: imapPort }));
    const smtp = await inParallel(connections, 20, () => SmtpLoad.open({ port: smtpPort }));
    await drive(imap, 500, (client) => client.run(command));
    let before = cpu();
    const commands = await drive(imap, 2000, (client) => client.run(command));
    const each = (cpu() - before) / commands.count;
    print(
      `${connections} connections: ${Math.round(commands.rate)} IMAP commands/s, ${each.toFixed(1)} us of processor each`,
    );
    before = cpu();
    const messages = await drive(smtp, 2000, (client) => client.deliver(to, message));
    const perMessage = (cpu() - before) / messages.count;
    print(
      `${connections} connections: ${Math.round(messages.rate)} SMTP messages of 4 KiB/s, ${perMessage.toFixed(1)} us of processor each`,
    );
    for (const client of [...imap, ...smtp]) client.close();
  }
  server.disconnect();
}

if (process.send !== undefined) await serve();
else await measure(fork(import.meta.filename));
