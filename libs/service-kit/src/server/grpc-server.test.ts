import { type Client, credentials } from '@grpc/grpc-js';
import { createChannel, createGrpcClient } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { quotaContract } from '../../test/fake-services.ts';
import { recordingLogger } from '../../test/recording-logger.ts';
import { formatAddress } from '../config/types.ts';
import { bind } from '../service.ts';
import { ContractServer } from './grpc-server.ts';

const logger = recordingLogger();
const server = new ContractServer(logger);
let address: string;
let channel: Client;

beforeAll(async () => {
  server.add({
    ...bind(quotaContract, {
      async getQuota({ accountId }) {
        if (accountId === 'bug') throw new TypeError('the cause');
        throw new StoaError('not-found', 'no such account');
      },
    }),
    owner: 'store-router',
  });
  address = formatAddress(await server.listen({ host: '127.0.0.1', port: 0 }, undefined));
  channel = createChannel(address, credentials.createInsecure());
});

afterAll(async () => {
  channel.close();
  await server.stop(100);
});

/** A unary call or the first answer of a stream, in bytes. */
function call(path: string, request: Buffer): Promise<Buffer> {
  const bytes = (value: Buffer) => value;
  const duplex = channel.makeBidiStreamRequest(path, bytes, bytes, { deadline: Date.now() + 5_000 });
  return new Promise((resolve, reject) => {
    duplex.once('data', resolve);
    duplex.once('error', reject);
    duplex.end(request);
  });
}

describe('the gRPC server of a process', () => {
  it('tells of its health by service', async () => {
    const check = (name: string) =>
      call('/grpc.health.v1.Health/Check', Buffer.concat([Buffer.from([0x0a, name.length]), Buffer.from(name)]));
    // Field 1 of the answer: 1 serving, 2 not.
    expect(await check('stoa.storage.v1.MailService')).toEqual(Buffer.from([8, 2]));
    server.setServing(true);
    expect(await check('stoa.storage.v1.MailService')).toEqual(Buffer.from([8, 1]));
    expect(await check('')).toEqual(Buffer.from([8, 1]));
  });

  it('describes its contracts to tools such as grpcurl', async () => {
    const list = await call('/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', Buffer.from([0x3a, 1, 0x2a]));
    expect(list.toString('latin1')).toContain('stoa.storage.v1.MailService');
    const symbol = Buffer.from('stoa.coordinator.v1.CoordinatorService');
    const file = await call(
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
      Buffer.concat([Buffer.from([0x22, symbol.length]), symbol]),
    );
    expect(file.toString('latin1')).toContain('ListMembers');
  });

  it('logs the cause of a bug and keeps it from the caller; a refusal is no news', async () => {
    const client = createGrpcClient(quotaContract, channel);
    logger.lines.length = 0;
    await expect(client.getQuota({})).rejects.toMatchObject({ code: 'not-found', message: 'no such account' });
    expect(logger.lines).toEqual([]);
    await expect(client.getQuota({ accountId: 'bug' })).rejects.toMatchObject({
      code: 'internal',
      message: 'internal error',
    });
    expect(logger.lines).toMatchObject([{ level: 'error', fields: { error: { message: 'the cause' } } }]);
  });

  it('says that a port is taken', async () => {
    const [host, port] = address.split(':') as [string, string];
    await expect(new ContractServer(logger).listen({ host, port: Number(port) }, undefined)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(`cluster.listen: cannot listen on ${address}`),
    });
  });
});
