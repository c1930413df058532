import { tmpdir } from 'node:os';
import type { DriverContext, MemoryStore } from '@stoa/plugin-sdk';
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
export async function openStore(config: object, context = testContext()): Promise<MemoryStore> {
  const result = await factory.configSchema['~standard'].validate(config);
  if (result.issues) throw new Error(result.issues.map(({ message }) => message).join('; '));
  return factory.create(result.value, context);
}

export const octets = (text: string) => new Uint8Array(Buffer.from(text));

export const LONG = { ttlMs: 120_000 };

/** Whether a call is served; anything but `unavailable` is an error of the test. */
export async function isServed(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'unavailable') throw error;
    return false;
  }
}
