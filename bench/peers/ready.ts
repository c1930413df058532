import { connect } from 'node:net';

/** Whether the server on a port of loopback greets with these octets, within a second. */
export function answersWith(port: number, greeting: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.setTimeout(1000, () => socket.destroy());
    socket.once('data', (octets) => {
      resolve(octets.toString('latin1').startsWith(greeting));
      socket.destroy();
    });
    socket.once('close', () => resolve(false));
    socket.once('error', () => resolve(false));
  });
}
