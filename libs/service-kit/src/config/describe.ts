import type { ConfigSchema } from '@stoa/plugin-sdk';

/** One key of the configuration, for the reference page. */
export interface ConfigKey {
  /** Dotted, from the section's name on; `[]` marks the items of a list, `*` any name. */
  key: string;
  type: string;
  default: string | undefined;
  required: boolean;
  description: string;
}

interface JsonSchema {
  type?: string | string[];
  properties?: Record<string, JsonSchema>;
  additionalProperties?: JsonSchema | boolean;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  description?: string;
  required?: string[];
}

/** Every key of a section, from its schema. A schema without a JSON form yields none. */
export function describeConfig(section: string, schema: ConfigSchema): ConfigKey[] {
  const json = schema['~standard'].jsonSchema?.input({ target: 'draft-2020-12' }) as JsonSchema | undefined;
  const rows: ConfigKey[] = [];
  if (json !== undefined) walk(section, json, rows);
  return rows;
}

function walk(prefix: string, schema: JsonSchema, rows: ConfigKey[]): void {
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const key = `${prefix}.${name}`;
    rows.push({
      key,
      type: typeOf(property),
      default: property.default === undefined ? undefined : JSON.stringify(property.default),
      required: (schema.required ?? []).includes(name) && property.default === undefined,
      description: property.description ?? '',
    });
    descend(key, property, rows);
  }
}

function descend(key: string, schema: JsonSchema, rows: ConfigKey[]): void {
  walk(key, schema, rows);
  if (schema.items !== undefined) descend(`${key}[]`, schema.items, rows);
  if (typeof schema.additionalProperties === 'object') descend(`${key}.*`, schema.additionalProperties, rows);
}

function typeOf(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' \\| ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(' \\| ');
  if (schema.type === 'array') return `list of ${schema.items === undefined ? 'any' : typeOf(schema.items)}`;
  if (schema.type === 'object') return 'table';
  return Array.isArray(schema.type) ? schema.type.join(' \\| ') : (schema.type ?? 'any');
}
