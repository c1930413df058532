import { parse } from 'smol-toml';

type Table = Record<string, unknown>;

/** A key that a variable set. */
export interface EnvironmentKey {
  readonly variable: string;
  readonly path: readonly string[];
  /** As the variable has it. What was laid into the configuration may be a number or a list that the text is in TOML. */
  readonly text: string;
}

/**
 * Lays environment variables over a configuration: `STOA_SMTP__MAX_MESSAGE_SIZE="10 MiB"` is the key `max-message-size` of
 * `[smtp]`. Two underscores part the levels, one stands for a dash; a value is read as TOML where it is valid, else as text.
 * Variables without two underscores are not ours to read. Returns what was set.
 */
export function applyEnvironment(config: Table, environment: NodeJS.ProcessEnv): EnvironmentKey[] {
  const applied: EnvironmentKey[] = [];
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith('STOA_') || !variable.includes('__') || text === undefined) continue;
    const path = variable
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
    table[path.at(-1) as string] = readValue(text);
    applied.push({ variable, path, text });
  }
  return applied;
}

/** A copy of a value in which the texts of variables stand as they are: `STOA_NODE__ID=1` is the name "1" where a name is wanted. */
export function withTexts(value: unknown, keys: readonly { path: readonly string[]; text: string }[]): unknown {
  const copy = structuredClone(value);
  for (const { path, text } of keys) {
    let table = copy as Table | undefined;
    for (const part of path.slice(0, -1)) table = table?.[part] as Table | undefined;
    if (table !== undefined) table[path.at(-1) as string] = text;
  }
  return copy;
}

function readValue(text: string): unknown {
  try {
    return parse(`value = ${text}`)['value'];
  } catch {
    return text;
  }
}
