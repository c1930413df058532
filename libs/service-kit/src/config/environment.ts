import { parse } from 'smol-toml';

type Table = Record<string, unknown>;

/**
 * Lays environment variables over a configuration: `STOA_SMTP__MAX_MESSAGE_SIZE="10 MiB"` is the key `max-message-size` of
 * `[smtp]`. Two underscores part the levels, one stands for a dash; a value is read as TOML where it is valid, else as text.
 * Variables without two underscores are not ours to read. Returns the paths that were set.
 */
export function applyEnvironment(config: Table, environment: NodeJS.ProcessEnv): string[][] {
  const applied: string[][] = [];
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith('STOA_') || !name.includes('__') || value === undefined) continue;
    const path = name
      .slice('STOA_'.length)
      .split('__')
      .map((part) => part.toLowerCase().replaceAll('_', '-'));
    if (path.some((part) => part === '')) continue;
    let table = config;
    for (const part of path.slice(0, -1)) {
      const next = table[part];
      if (typeof next !== 'object' || next === null) table[part] = {};
      table = table[part] as Table;
    }
    table[path.at(-1) as string] = readValue(value);
    applied.push(path);
  }
  return applied;
}

function readValue(text: string): unknown {
  try {
    return parse(`value = ${text}`)['value'];
  } catch {
    return text;
  }
}
