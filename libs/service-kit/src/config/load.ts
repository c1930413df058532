import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type ConfigIssue, type ConfigSchema, StoaError } from '@stoa/plugin-sdk';
import { parse } from 'smol-toml';
import { applyEnvironment, type EnvironmentKey, withTexts } from './environment.ts';
import { locateKey } from './locate.ts';
import { CORE_SECTIONS, type CoreConfig, DRIVER_SECTIONS } from './sections.ts';
import { suggest } from './suggest.ts';
import { withBaseFolder } from './types.ts';

type Table = Record<string, unknown>;

export interface ConfigSource {
  /** For messages, and as base of relative paths; undefined for a configuration that is no file. */
  file?: string | undefined;
  /** The TOML text. */
  text: string;
  environment?: NodeJS.ProcessEnv;
}

/** A configuration as read: sections are checked one by one, each by its owner's schema. */
export class ConfigDocument {
  readonly #source: ConfigSource;
  readonly #sections: Table;
  readonly #environment: readonly EnvironmentKey[];
  /** Relative paths in the configuration start here. */
  readonly folder: string;

  constructor(source: ConfigSource) {
    this.#source = source;
    this.folder = source.file === undefined ? process.cwd() : dirname(resolve(source.file));
    try {
      this.#sections = parse(source.text) as Table;
    } catch (error) {
      const { line, column, message } = error as { line?: number; column?: number; message: string };
      const place = line === undefined ? '' : `:${line}${column === undefined ? '' : `:${column}`}`;
      throw new StoaError('invalid-configuration', `${this.#name()}${place}: ${message.split('\n')[0]}`, {
        cause: error,
      });
    }
    this.#environment = applyEnvironment(this.#sections, source.environment ?? {});
  }

  #name(): string {
    return this.#source.file ?? 'configuration';
  }

  /** Refuses sections that nobody owns. */
  checkSectionNames(known: readonly string[]): void {
    for (const [name, value] of Object.entries(this.#sections)) {
      if (!known.includes(name)) throw this.problem([name], `unknown section [${name}]${hint(name, known)}`);
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        throw this.problem([name], `expected a table [${name}]`);
      }
    }
  }

  /** The same file as it is now, under the same environment. Rejects with `failed-precondition` where there is no file. */
  reread(): ConfigDocument {
    const { file, environment = {} } = this.#source;
    if (file === undefined) {
      throw new StoaError('failed-precondition', 'the configuration is no file, so there is nothing to read anew');
    }
    return readConfig(file, environment);
  }

  has(name: string): boolean {
    return this.#sections[name] !== undefined;
  }

  /** A section as it was written, unchecked. */
  raw(name: string): Table {
    return (this.#sections[name] ?? {}) as Table;
  }

  /** A section, checked by its schema. Every problem of the section is in one error. */
  section<T>(name: string, schema: ConfigSchema<T>, value: unknown = this.raw(name)): T {
    return this.table([name], schema, value);
  }

  /** A table anywhere, such as `['blob', 'outer']` for `[blob.outer]`, checked by a schema of its own. */
  table<T>(at: readonly string[], schema: ConfigSchema<T>, value: unknown): T {
    const fromEnvironment = this.#environment
      .filter(({ path }) => path.length > at.length && at.every((part, i) => part === path[i]))
      .map(({ path, text }) => ({ path: path.slice(at.length), text }));
    const validate = (candidate: unknown) => {
      const result = withBaseFolder(this.folder, () => schema['~standard'].validate(candidate));
      if (!(result instanceof Promise)) return result;
      throw new StoaError('invalid-configuration', `the schema of [${at.join('.')}] must not be asynchronous`);
    };
    const result = validate(value);
    if (result.issues === undefined) return result.value;
    // What a variable says may be meant as text although it reads as a number.
    const blamed = new Set(result.issues.map((issue) => pathOf(issue).join('.')));
    const again = fromEnvironment.filter(({ path }) => blamed.has(path.join('.')));
    const second = again.length === 0 ? result : validate(withTexts(value, again));
    if (second.issues === undefined) return second.value;
    throw new StoaError(
      'invalid-configuration',
      result.issues.map((issue) => this.#describe(at, issue, schema)).join('\n'),
    );
  }

  #describe(at: readonly string[], issue: ConfigIssue, schema: ConfigSchema): string {
    const path = [...at, ...pathOf(issue)];
    const unknown = (issue as { keys?: readonly string[] }).keys ?? [];
    if (unknown.length > 0) {
      const known = keysAt(schema, pathOf(issue));
      return unknown
        .map((key) => `${this.#place([...path, key])}: unknown key ${[...path, key].join('.')}${hint(key, known)}`)
        .join('\n');
    }
    return `${this.#place(path)}: ${path.join('.')}: ${issue.message}`;
  }

  /** Where a key was set: by a variable, in a line of the file, or by a variable for a key below it. */
  #place(path: readonly string[]): string {
    const above = this.#environment.find((key) => key.path.every((part, i) => part === path[i]));
    if (above !== undefined) return `environment variable ${above.variable}`;
    const line = locateKey(this.#source.text, path);
    if (line !== undefined) return `${this.#name()}:${line}`;
    const below = this.#environment.find((key) => path.every((part, i) => part === key.path[i]));
    return below === undefined ? this.#name() : `environment variable ${below.variable}`;
  }

  /** An error that tells where a key was set. */
  problem(path: readonly string[], message: string): StoaError {
    return new StoaError('invalid-configuration', `${this.#place(path)}: ${message}`);
  }

  /** The sections that every node has. */
  core(): CoreConfig {
    const core: Table = {};
    for (const [name, schema] of Object.entries(CORE_SECTIONS)) core[name] = this.section(name, schema as ConfigSchema);
    return core as CoreConfig;
  }
}

function hint(word: string, known: readonly string[]): string {
  if (known.length === 0) return '';
  const meant = suggest(word, known);
  return meant === undefined ? `; known are ${known.join(', ')}` : `; did you mean ${meant}?`;
}

function pathOf(issue: ConfigIssue): string[] {
  return (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part));
}

interface JsonSchema {
  properties?: Record<string, JsonSchema>;
  additionalProperties?: JsonSchema | boolean;
  items?: JsonSchema;
}

/** The keys that a table of a section may have, where the schema has a JSON form. */
function keysAt(schema: ConfigSchema, path: readonly string[]): string[] {
  try {
    let at = schema['~standard'].jsonSchema?.input({ target: 'draft-2020-12' }) as JsonSchema | undefined;
    for (const part of path) {
      const rest = typeof at?.additionalProperties === 'object' ? at.additionalProperties : undefined;
      at = at?.properties?.[part] ?? at?.items ?? rest;
    }
    return Object.keys(at?.properties ?? {});
  } catch {
    return [];
  }
}

/** Reads and parses a configuration file. */
export function readConfig(file: string, environment: NodeJS.ProcessEnv): ConfigDocument {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new StoaError('invalid-configuration', `cannot read the configuration: ${(error as Error).message}`, {
      cause: error,
    });
  }
  return new ConfigDocument({ file, text, environment });
}

/** Names of all sections of a node that may run the given services. */
export function sectionNames(services: readonly string[]): string[] {
  return [...Object.keys(CORE_SECTIONS), ...DRIVER_SECTIONS, ...services];
}
