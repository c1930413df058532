import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** The configuration that the guide shows, so that what is run is what is read. */
export function guideConfiguration(): string {
  const guide = readFileSync(resolve(import.meta.dirname, '../../docs/from-one-machine-to-three.md'), 'utf8');
  const [, toml] = /^```toml\n(.*?)^```$/ms.exec(guide) ?? [];
  if (toml === undefined) throw new Error('the guide has no configuration');
  return toml;
}

/** Puts other values in. Each line that is to be replaced must be there, once or more. */
export function withLines(toml: string, lines: Readonly<Record<string, string>>): string {
  return Object.entries(lines).reduce((text, [line, other]) => {
    if (!text.includes(line)) throw new Error(`the guide has no ${line}`);
    return text.replaceAll(line, () => other);
  }, toml);
}
