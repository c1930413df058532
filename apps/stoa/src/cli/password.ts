import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { StoaError } from '@stoa/plugin-sdk';

export interface PasswordOptions {
  passwordStdin?: boolean;
  passwordEnv?: string;
}

/** A password: from standard input, from a variable, or asked for twice without showing it. Never from the arguments, which others can see. */
export async function readPassword(options: PasswordOptions): Promise<string> {
  const password = await obtain(options);
  if (password === '') throw new StoaError('invalid-argument', 'the password is empty');
  return password;
}

async function obtain({ passwordStdin, passwordEnv }: PasswordOptions): Promise<string> {
  if (passwordEnv !== undefined) {
    const value = process.env[passwordEnv];
    if (value === undefined)
      throw new StoaError('invalid-argument', `the environment variable ${passwordEnv} is not set`);
    return value;
  }
  if (passwordStdin === true) return readLine();
  if (process.stdin.isTTY !== true) {
    throw new StoaError(
      'invalid-argument',
      'there is no terminal to ask for the password: give it with --password-stdin or --password-env NAME',
    );
  }
  const first = await ask('Password: ');
  if ((await ask('Again: ')) !== first) throw new StoaError('invalid-argument', 'the passwords differ');
  return first;
}

async function readLine(): Promise<string> {
  const lines = createInterface({ input: process.stdin });
  for await (const line of lines) {
    lines.close();
    return line;
  }
  return '';
}

async function ask(question: string): Promise<string> {
  process.stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const prompt = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    return await new Promise<string>((resolve) => prompt.question('', resolve));
  } finally {
    prompt.close();
    process.stderr.write('\n');
  }
}
