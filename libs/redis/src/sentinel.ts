import { StoaError } from '@stoa/plugin-sdk';
import { dial } from './dial.ts';
import type { Address, RedisSettings } from './settings.ts';

interface Answer extends Address {
  /** Grows with each failover. */
  epoch: number;
}

/**
 * Address of the master. All Sentinels are asked; when most have answered (or all have, or failed) the answer of the
 * newest failover counts: a Sentinel that is cut off from the others would name the old master for ever.
 */
export async function findMaster(settings: RedisSettings): Promise<Address> {
  const { addresses, master } = settings;
  const answers: Answer[] = [];
  const failures: unknown[] = [];
  await new Promise<void>((resolve) => {
    const settle = () => {
      const settled = answers.length + failures.length === addresses.length;
      if (settled || answers.length > addresses.length / 2) resolve();
    };
    for (const address of addresses) {
      ask(settings, address)
        .then((answer) => answers.push(answer))
        .catch((error: unknown) => failures.push(error))
        .finally(settle);
    }
  });
  const [newest] = answers.sort((a, b) => b.epoch - a.epoch);
  if (newest !== undefined) return { host: newest.host, port: newest.port };
  // What the server said is of more use than that another one is away.
  const said = failures.find((error) => /^[A-Z]+ /.test((error as Error).message));
  throw said ?? failures[0] ?? new StoaError('unavailable', `no Sentinel knows the master "${master}"`);
}

async function ask(settings: RedisSettings, address: Address): Promise<Answer> {
  const sentinel = await dial(settings, address, settings.sentinelLogin);
  try {
    const reply = await sentinel.call('SENTINEL', 'MASTER', settings.master);
    if (!Array.isArray(reply)) throw new Error('the Sentinel gave no answer that can be understood');
    const value = (key: string) => String(reply[reply.indexOf(key) + 1]);
    return { host: value('ip'), port: Number(value('port')), epoch: Number(value('config-epoch')) };
  } finally {
    sentinel.disconnect();
  }
}
