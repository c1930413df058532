import { existsSync } from 'node:fs';
import { StoaError } from '@stoa/plugin-sdk';
import { ConfigDocument, readConfig } from '@stoa/service-kit';
import { demoConfig } from '../demo/config.ts';

export interface OpenOptions {
  config?: string;
  demo?: boolean;
}

/** Looked for when no configuration is named. */
export const DEFAULT_FILES = ['./stoa.toml', '/etc/stoa/stoa.toml'];

/** The configuration that a command works with. */
export async function openConfig(options: OpenOptions): Promise<ConfigDocument> {
  if (options.demo === true)
    return new ConfigDocument({ text: await demoConfig(process.env), environment: process.env });
  const file = options.config ?? DEFAULT_FILES.find((candidate) => existsSync(candidate));
  if (file === undefined) {
    throw new StoaError(
      'invalid-configuration',
      `there is no configuration: none of ${DEFAULT_FILES.join(', ')} exists. Name one with --config, or try \`stoa start --demo\``,
    );
  }
  return readConfig(file, process.env);
}
