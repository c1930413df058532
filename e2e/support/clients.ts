import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ImapFlow } from 'imapflow';
import { createTransport, type Transporter } from 'nodemailer';
import { PASSWORD, type Stoa } from './stoa.ts';

const run = promisify(execFile);

export interface Output {
  stdout: string;
  stderr: string;
}

/** Runs a program to its end; rejects with its output when it fails. */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<Output> {
  const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/usr/local/sbin`, ...options.env };
  return run(program, args, { ...options, env, maxBuffer: 64 * 1024 * 1024, timeout: 60_000 });
}

/** Users are of example.test unless their address says otherwise. */
const addressOf = (user: string) => (user.includes('@') ? user : `${user}@example.test`);

/** imapflow over TLS, logged in. */
export async function imapClient(stoa: Stoa, user: string, password = PASSWORD): Promise<ImapFlow> {
  const client = new ImapFlow({
    host: '127.0.0.1',
    port: stoa.port('imaps'),
    secure: true,
    tls: { rejectUnauthorized: false },
    auth: { user: addressOf(user), pass: password },
    logger: false,
    // Scenarios say when they idle.
    disableAutoIdle: true,
  });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** nodemailer to port 25, as another server would come. */
export function sender(stoa: Stoa): Transporter {
  return createTransport({
    host: '127.0.0.1',
    port: stoa.port('smtp'),
    secure: false,
    tls: { rejectUnauthorized: false },
  });
}

/** nodemailer to the submission port, logged in. */
export function submitter(stoa: Stoa, user: string): Transporter {
  return createTransport({
    host: '127.0.0.1',
    port: stoa.port('submission'),
    secure: false,
    requireTLS: true,
    tls: { rejectUnauthorized: false },
    auth: { user: addressOf(user), pass: PASSWORD },
  });
}
