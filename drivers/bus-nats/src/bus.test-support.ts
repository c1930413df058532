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
export function testContext(lines: LogLine[] = [], dataDirectory = tmpdir()): DriverContext {
  const write = (level: string) => (fields: object, message: string) => void lines.push({ level, fields, message });
  const logger = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
  return { logger, dataDirectory, nodeId: 'test' };
}

/** As the host opens it: the configuration checked by the schema. Rejects with what is wrong with it. */
export async function openBus(config: object, context = testContext()): Promise<Bus> {
  const result = await factory.configSchema['~standard'].validate(config);
  if (result.issues) throw new Error(result.issues.map(({ message }) => message).join('; '));
  return factory.create(result.value, context);
}

/** Keeps what a listener hears, in order. */
export class Recorder implements BusListener {
  readonly calls: string[] = [];
  readonly reasons: string[] = [];

  message(payload: Uint8Array): void {
    this.calls.push(Buffer.from(payload).toString());
  }

  gap(reason: string): void {
    this.reasons.push(reason);
    this.calls.push('(gap)');
  }

  connected(): void {
    this.calls.push('(connected)');
  }

  get gaps(): number {
    return this.reasons.length;
  }

  get stands(): boolean {
    return this.calls.lastIndexOf('(connected)') > this.calls.lastIndexOf('(gap)');
  }

  /** A gap after the first `gaps`, and the subscription standing again. */
  untilBack(gaps = 0): Promise<void> {
    return until('a gap, and connected after it', () => this.gaps > gaps && this.stands);
  }

  untilHeard(text: string): Promise<void> {
    return until(`the message "${text}"`, () => this.calls.includes(text));
  }
}

export const octets = (text: string) => new Uint8Array(Buffer.from(text));

/** Publishes as a node does after an outage: until the bus takes it. */
export async function publishEventually(bus: Bus, topic: string, text: string): Promise<void> {
  const taken = () =>
    bus.publish(topic, octets(text)).then(
      () => true,
      () => false,
    );
  await until(`the bus takes "${text}"`, taken);
}
