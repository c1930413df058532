import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { defineDriver, MAX_BUS_PAYLOAD_BYTES, StoaError } from '@stoa/plugin-sdk';
import { SocketBus } from './bus.js';

/** The longest path that a Unix socket may have, with room for its name. */
const LONGEST_FOLDER = 80;

const configSchema = {
  '~standard': {
    version: 1,
    vendor: 'stoa-bus-sockets',
    validate({ folder, ...others }) {
      const issues = Object.keys(others).map((key) => ({ message: 'there is no such key', path: [key] }));
      if (typeof folder !== 'string') issues.push({ message: 'expected the path of a folder', path: ['folder'] });
      return issues.length > 0 ? { issues } : { value: { folder } };
    },
  },
};

export default defineDriver({
  name: 'sockets',
  kind: 'bus',
  sdk: '^1.0.0',
  configSchema,
  capabilities: { shared: 'host' },
  async create({ folder }, { dataDirectory }) {
    const path = resolve(dataDirectory, folder);
    if (path.length > LONGEST_FOLDER)
      throw new StoaError('invalid-configuration', `folder: ${path} is too long; ${LONGEST_FOLDER} characters at most`);
    await mkdir(path, { recursive: true, mode: 0o700 });
    const bus = new SocketBus({
      own: resolve(path, `${process.pid}-${randomBytes(4).toString('hex')}.sock`),
      others: async () =>
        (await readdir(path)).filter((name) => name.endsWith('.sock')).map((name) => resolve(path, name)),
      forget: (socket) => rm(socket, { force: true }),
      maxPayload: MAX_BUS_PAYLOAD_BYTES,
    });
    await bus.listen();
    return bus;
  },
});
