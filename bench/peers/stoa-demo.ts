import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createChannel, createGrpcClient, storage } from '@stoa/contracts';
import { channelCredentials } from '@stoa/service-kit';
import { freePorts, ServerProcess, temporaryFolder } from '@stoa/test-servers';
import { address, diskUse, type MailServer, PASSWORD } from './mail-server.ts';
import { processTree } from './process-tree.ts';
import { answersWith } from './ready.ts';

const main = resolve(import.meta.dirname, '../../apps/stoa/src/main.ts');

/** A Stoa in its demo mode, the only one in which it takes logins in the clear; ports and folder of its own. */
export class StoaDemo implements MailServer {
  readonly name = 'Stoa';
  readonly ports: { readonly smtp: number; readonly imap: number; readonly imaps: number };
  readonly #folder: string;
  readonly #process: ServerProcess;

  private constructor(folder: string, [smtp, imap, imaps, cluster, http]: readonly number[]) {
    this.#folder = folder;
    this.ports = { smtp: smtp as number, imap: imap as number, imaps: imaps as number };
    const listener = (name: string, port: number | undefined, more: string) =>
      `{ name = "${name}", listen = "127.0.0.1:${port}", ${more} }`;
    this.#process = new ServerProcess({
      name: 'Stoa',
      program: process.execPath,
      args: ['--conditions=stoa-source', main, 'start', '--demo'],
      env: {
        STOA_NODE__DATA_DIRECTORY: join(folder, 'data'),
        STOA_CLUSTER__LISTEN: `"127.0.0.1:${cluster}"`,
        STOA_HTTP__LISTEN: `"127.0.0.1:${http}"`,
        STOA_SMTP__LISTENERS: `[${listener('smtp', smtp, 'kind = "smtp"')}]`,
        STOA_IMAP__LISTENERS: `[${listener('imap', imap, 'tls = "starttls"')}, ${listener('imaps', imaps, 'tls = "implicit"')}]`,
        STOA_IMAP__MAX_CONNECTIONS_PER_ADDRESS: '20000',
      },
      ready: () => answersWith(this.ports.imap, '* OK'),
    });
  }

  static async start({ accounts }: { accounts: number }): Promise<StoaDemo> {
    const ports = await freePorts(5);
    const stoa = new StoaDemo(temporaryFolder('demo'), ports);
    await stoa.#process.start();
    const port = ports[3] as number;
    const channel = createChannel(`127.0.0.1:${port}`, channelCredentials(undefined, { host: '127.0.0.1', port }));
    try {
      const directory = createGrpcClient(storage.DirectoryServiceDefinition, channel);
      for (let i = 0; i < accounts; i++) await directory.createAccount({ address: address(i), password: PASSWORD });
    } catch (error) {
      await stoa.stop();
      throw error;
    } finally {
      channel.close();
    }
    return stoa;
  }

  pids(): number[] {
    return processTree(this.#process.pid);
  }

  async restart(): Promise<void> {
    await this.#process.end('SIGTERM');
    await this.#process.start();
  }

  diskUse(): number {
    return diskUse(join(this.#folder, 'data'));
  }

  async stop(): Promise<void> {
    await this.#process.end('SIGTERM');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
