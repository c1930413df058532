import type { ConfigSchema, DriverKind } from '@stoa/plugin-sdk';
import {
  CORE_SECTIONS,
  type ConfigKey,
  DEFAULT_DRIVERS,
  DRIVER_SECTIONS,
  describeConfig,
  loadDriver,
} from '@stoa/service-kit';
import { SERVICES } from '../services.ts';

const HEAD = `# Configuration reference

Made by \`stoa config reference\` from the schemas that check a configuration; do not edit.

One TOML file, a section for each component. Every key can come from the environment too: \`max-message-size\` of \`[smtp]\` is
\`STOA_SMTP__MAX_MESSAGE_SIZE\`. Durations are written "30s" (ms, s, m, h, d), sizes "50 MiB" (B, kB, MB, GB, KiB, MiB, GiB, TiB),
addresses "127.0.0.1:2525" or "[::1]:25". A relative path starts at the configuration file's folder. An unknown or wrong key stops
the start; \`stoa config check\` says the same without starting.
`;

function table(keys: readonly ConfigKey[]): string {
  const cell = (text: string) => text.replaceAll('\n', ' ');
  const rows = keys.map(
    (key) =>
      `| \`${key.key}\` | ${cell(key.type)} | ${key.required ? 'required' : key.default === undefined ? '' : `\`${key.default}\``} | ${cell(key.description)} |`,
  );
  return `| key | type | default | meaning |\n|---|---|---|---|\n${rows.join('\n')}\n`;
}

/** The host name of this machine is a default, and no fact for a document. */
function withoutThisMachine(keys: ConfigKey[]): ConfigKey[] {
  return keys.map((key) => (key.key === 'node.hostname' ? { ...key, default: '(the name of the host)' } : key));
}

/** The reference page of all keys: core sections, services, and the drivers that come with Stoa. */
export async function configReference(): Promise<string> {
  const parts = [HEAD];
  for (const [name, schema] of Object.entries(CORE_SECTIONS)) {
    parts.push(`## [${name}]\n\n${table(withoutThisMachine(describeConfig(name, schema as ConfigSchema)))}`);
  }
  for (const service of SERVICES)
    parts.push(`## [${service.name}]\n\n${table(describeConfig(service.name, service.configSchema))}`);
  for (const kind of DRIVER_SECTIONS) parts.push(await driverSection(kind));
  return parts.join('\n');
}

/** The default driver's keys; where it is a composite, those of its inner sections too, as they are by default. */
async function driverSection(kind: DriverKind): Promise<string> {
  const name = DEFAULT_DRIVERS[kind];
  const { configSchema, inner } = await loadDriver(kind, name, process.cwd());
  let text = `## [${kind}]\n\n\`${kind}.driver\` names the driver: a short name of Stoa's own, or any npm package. Without it \`${name}\`. Keys of \`${name}\`:\n\n${table(describeConfig(kind, configSchema))}`;
  if (inner === undefined) return text;
  const checked = await configSchema['~standard'].validate({});
  for (const { kind: of, path, section } of checked.issues === undefined ? inner(checked.value) : []) {
    const driver = String(section['driver']);
    const { configSchema: schema } = await loadDriver(of, driver, process.cwd());
    const key = [kind, ...path].join('.');
    text += `\nKeys of \`${driver}\` in \`[${key}]\`, where \`${key}.driver\` names no other:\n\n${table(describeConfig(key, schema))}`;
  }
  return text;
}
