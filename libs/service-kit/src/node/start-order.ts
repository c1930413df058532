import type { ServiceModule, ServiceName } from '../service.ts';

/** The modules to run, those that others need first. A cycle of needs is broken at the module that comes first in the table. */
export function startOrder(modules: readonly ServiceModule[], services: readonly ServiceName[]): ServiceModule[] {
  const wanted = new Map(
    modules.filter((module) => services.includes(module.name)).map((module) => [module.name, module]),
  );
  const ordered: ServiceModule[] = [];
  const visited = new Set<ServiceName>();
  const visit = (module: ServiceModule) => {
    if (visited.has(module.name)) return;
    visited.add(module.name);
    for (const need of module.needs) {
      const needed = wanted.get(need);
      if (needed !== undefined) visit(needed);
    }
    ordered.push(module);
  };
  for (const module of wanted.values()) visit(module);
  return ordered;
}
