import { type ConfigDocument, DRIVER_SECTIONS, readDriverSection, sectionNames } from '@stoa/service-kit';
import { SERVICES } from '../services.ts';

export interface ConfigSummary {
  node: string;
  dataDirectory: string;
  drivers: Record<string, string>;
}

/** Checks every section as a start would, drivers' included. Rejects with the first section's problems. */
export async function checkConfig(document: ConfigDocument): Promise<ConfigSummary> {
  document.checkSectionNames(sectionNames(SERVICES.map((service) => service.name)));
  const core = document.core();
  for (const service of SERVICES) document.section(service.name, service.configSchema);
  const drivers: Record<string, string> = {};
  for (const kind of DRIVER_SECTIONS) drivers[kind] = (await readDriverSection(document, kind)).name;
  return { node: core.node.id, dataDirectory: core.node['data-directory'], drivers };
}
