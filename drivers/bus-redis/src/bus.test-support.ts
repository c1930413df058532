import { tmpdir } from 'node:os';
import type { Bus, BusListener, DriverContext } from '@stoa/plugin-sdk';
import { until } from '@stoa/test-servers';
import factory from './index.ts';

export interface LogLine {
  level: string;
  fields: object;
  message: string;
}

/** A context whose log can be read. */
export function testContext(lines: LogLine[] = []): DriverContext {
  const write = (level: string) => (fields: object, message: string) => void lines.push({ level, fields, message });
  const logger = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
  return { logger, dataDirectory: tmpdir(), nodeId: 'test' };
}

/** As the host opens it: the configuration checked by the schema. Rejects with what is wrong with it. */
export async function openBus(config: object, context = testContext()): Promise<Bus> {
  return factory.create(await checked(config), context);
}

async function checked(config: object) {
  const result = await factory.configSchema['~standard'].validate(config);
  if (result.issues) throw new Error(result.issues.map(({ message }) => message).join('; '));
  return result.value;
}

/** Keeps what a listener hears. */
export class Recorder implements BusListener {
  readonly calls: string[] = [];
  readonly texts: string[] = [];

  message(payload: Uint8Array): void {
    this.texts.push(Buffer.from(payload).toString());
    this.calls.push('message');
  }

  gap(): void {
    this.calls.push('gap');
  }

  connected(): void {
    this.calls.push('connected');
  }

  get gaps(): number {
    return this.calls.filter((call) => call === 'gap').length;
  }

  get stands(): boolean {
    return this.calls.lastIndexOf('connected') > this.calls.lastIndexOf('gap');
  }

  async untilGap(gaps = 1): Promise<void> {
    await until(`gap ${gaps}`, () => this.gaps >= gaps);
  }

  async untilStands(): Promise<void> {
    await until('connected after the gap', () => this.stands);
  }

  async untilHeard(text: string): Promise<void> {
    await until(`the message "${text}"`, () => this.texts.includes(text));
  }
}

export const octets = (text: string) => new Uint8Array(Buffer.from(text));

/** Publishes as a node does after an outage: until the bus takes it. */
export async function publishEventually(bus: Bus, topic: string, text: string): Promise<void> {
  await until(`the bus takes "${text}"`, () =>
    bus.publish(topic, octets(text)).then(
      () => true,
      () => false,
    ),
  );
}
