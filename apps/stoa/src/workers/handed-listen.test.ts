import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { handedListen } from './handed-listen.ts';
import type { FromWorker, ToWorker } from './messages.ts';

function made() {
  const said: FromWorker[] = [];
  let tell: (message: ToWorker, socket?: Socket) => void = () => {};
  const listen = handedListen({
    send: (message) => said.push(message),
    onMessage: (listener) => {
      tell = (message, socket) => listener(message, socket);
    },
  });
  return { said, listen, tell: (message: ToWorker, socket?: Socket) => tell(message, socket) };
}

const PORT = { service: 'imap', name: 'imaps', listen: { host: '127.0.0.1', port: 0 } } as const;
const socket = () => new PassThrough() as unknown as Socket;

it('a worker takes what it is handed, and says when it has ended', async () => {
  const { said, listen, tell } = made();
  const got: unknown[] = [];
  const listening = listen(PORT, (_, elsewhere) => got.push(elsewhere));
  expect(said.splice(0)).toEqual([{ type: 'listen', port: 'imap/imaps', service: 'imap', address: PORT.listen }]);
  tell({ type: 'listening', port: 'imap/imaps', address: { host: '127.0.0.1', port: 993 } });
  const { address, close } = await listening;
  expect(address.port).toBe(993);
  const connection = socket();
  tell({ type: 'connection', port: 'imap/imaps', connection: 7, total: 3, ofAddress: 2 }, connection);
  expect(got).toEqual([{ total: 3, ofAddress: 2 }]);
  connection.destroy();
  await new Promise((resolve) => connection.once('close', resolve));
  close();
  close();
  const late = socket();
  tell({ type: 'connection', port: 'imap/imaps', connection: 8, total: 0, ofAddress: 0 }, late);
  tell({ type: 'connection', port: 'imap/imaps', connection: 9, total: 0, ofAddress: 0 });
  expect(late.destroyed).toBe(true);
  expect(said).toEqual([
    { type: 'taken', connection: 7 },
    { type: 'closed', connection: 7 },
    { type: 'unlisten', port: 'imap/imaps' },
    { type: 'taken', connection: 8 },
    { type: 'closed', connection: 8 },
    { type: 'taken', connection: 9 },
    { type: 'closed', connection: 9 },
  ]);
  expect(got).toHaveLength(1);
});

it('a port that cannot be opened is refused with the error of the system', async () => {
  const { listen, tell } = made();
  const listening = listen(PORT, () => {});
  tell({ type: 'refused', port: 'imap/imaps', code: 'EADDRINUSE', message: 'listen EADDRINUSE' });
  await expect(listening).rejects.toMatchObject({ code: 'EADDRINUSE', message: 'listen EADDRINUSE' });
});
