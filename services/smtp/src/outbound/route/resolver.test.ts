import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createResolver, type DnsResolver } from './resolver.ts';

const TYPE = { A: 1, CNAME: 5, MX: 15, AAAA: 28 } as const;
const CODE = { ok: 0, servfail: 2, nxdomain: 3 } as const;

interface Answer {
  code?: number;
  records?: { name: string; type: number; data: Buffer }[];
}

const name = (text: string) =>
  Buffer.concat([
    ...text
      .split('.')
      .filter((label) => label !== '')
      .map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`)),
    Buffer.from([0]),
  ]);

const mx = (owner: string, priority: number, exchange: string) => ({
  name: owner,
  type: TYPE.MX,
  data: Buffer.concat([Buffer.from([0, priority]), name(exchange)]),
});

/** A DNS server of a few answers (RFC 1035), by "name type". */
async function dnsServer(answers: Record<string, Answer>): Promise<DnsResolver> {
  const socket = createSocket('udp4');
  socket.on('message', (query, peer) => {
    const labels: string[] = [];
    let at = 12;
    for (let length = query[at] as number; length > 0; length = query[at] as number) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const question = query.subarray(12, at + 5);
    const { code = CODE.ok, records = [] } = answers[`${labels.join('.')} ${query.readUInt16BE(at + 1)}`] ?? {
      code: CODE.nxdomain,
    };
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(0x8180 | code, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    const body = records.map((record) => {
      const fixed = Buffer.from([0, record.type, 0, 1, 0, 0, 0, 60, 0, record.data.length]);
      return Buffer.concat([name(record.name), fixed, record.data]);
    });
    socket.send(Buffer.concat([header, question, ...body]), peer.port, peer.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => void socket.close());
  return createResolver([{ host: '127.0.0.1', port: socket.address().port }]);
}

describe('createResolver', () => {
  it('reads MX records, also behind a CNAME, and null MX', async () => {
    const resolver = await dnsServer({
      [`remote.test ${TYPE.MX}`]: { records: [mx('remote.test', 10, 'a.test'), mx('remote.test', 20, 'b.test')] },
      [`null.test ${TYPE.MX}`]: { records: [mx('null.test', 0, '')] },
      [`alias.test ${TYPE.MX}`]: {
        records: [
          { name: 'alias.test', type: TYPE.CNAME, data: name('real.test') },
          mx('real.test', 5, 'mx.real.test'),
        ],
      },
    });
    const found = await resolver.mx('remote.test');
    expect(
      found === 'missing' ? found : found.map(({ exchange, priority }) => `${priority} ${exchange}`).sort(),
    ).toEqual(['10 a.test', '20 b.test']);
    expect(await resolver.mx('null.test')).toMatchObject([{ exchange: '', priority: 0 }]);
    expect(await resolver.mx('alias.test')).toMatchObject([{ exchange: 'mx.real.test', priority: 5 }]);
  });

  it('reads addresses of both versions', async () => {
    const resolver = await dnsServer({
      [`a.test ${TYPE.A}`]: { records: [{ name: 'a.test', type: TYPE.A, data: Buffer.from([192, 0, 2, 1]) }] },
      [`a.test ${TYPE.AAAA}`]: {
        records: [{ name: 'a.test', type: TYPE.AAAA, data: Buffer.from('20010db8000000000000000000000001', 'hex') }],
      },
    });
    expect(await resolver.addresses('a.test', 4)).toEqual(['192.0.2.1']);
    expect(await resolver.addresses('a.test', 6)).toEqual(['2001:db8::1']);
    expect(await resolver.hostAddresses('a.test')).toEqual(['2001:db8::1', '192.0.2.1']);
    expect(await resolver.hostAddresses('127.0.0.1')).toEqual(['127.0.0.1']);
  });

  it('tells what is not there from what cannot be known', async () => {
    const resolver = await dnsServer({
      [`empty.test ${TYPE.MX}`]: {},
      [`broken.test ${TYPE.MX}`]: { code: CODE.servfail },
    });
    expect(await resolver.mx('empty.test')).toBe('missing');
    expect(await resolver.mx('gone.test')).toBe('missing');
    expect(await resolver.addresses('gone.test', 4)).toBe('missing');
    await expect(resolver.mx('broken.test')).rejects.toThrow();
  });
});
