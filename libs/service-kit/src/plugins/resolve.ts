import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { StoaError } from '@stoa/plugin-sdk';

/** Package of a driver that the configuration names by a short word. */
export function firstPartyPackage(kind: string, name: string): string {
  return `@stoa/driver-${kind}-${name}`;
}

/**
 * Where a driver's module is. A name of letters, digits and dashes is first tried as one of Stoa's own; a path is taken as it
 * is; anything else is an npm package, looked for from the configuration's folder, then from here.
 */
export function resolveDriver(kind: string, name: string, folder: string): string {
  if (name.startsWith('.') || isAbsolute(name)) return pathToFileURL(entryOf(resolve(folder, name))).href;
  const packages = /^[a-z0-9-]+$/.test(name) ? [firstPartyPackage(kind, name), name] : [name];
  for (const wanted of packages) {
    const found = resolveFrom(wanted, folder) ?? resolveHere(wanted);
    if (found !== undefined) return found;
  }
  throw new StoaError(
    'invalid-configuration',
    `${kind}.driver: there is no driver ${JSON.stringify(name)}; looked for the package ${packages.join(' and ')} from ${folder}. Install it with npm there, or name one that \`stoa plugin list\` shows`,
  );
}

function resolveHere(name: string): string | undefined {
  try {
    return import.meta.resolve(name);
  } catch {
    return undefined;
  }
}

function resolveFrom(name: string, folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const packageFolder = join(at, 'node_modules', name);
    if (existsSync(join(packageFolder, 'package.json'))) return pathToFileURL(entryOf(packageFolder)).href;
    if (dirname(at) === at) return undefined;
  }
}

/** The module of a path: a file itself, or the entry of the package in a folder. */
function entryOf(path: string): string {
  const manifest = join(path, 'package.json');
  if (!existsSync(manifest)) return path;
  const { name } = JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string };
  // A package may name itself, which applies its `exports` with the conditions of this process.
  if (name !== undefined) {
    try {
      return fileURLToPath(import.meta.resolve(name, pathToFileURL(manifest).href));
    } catch {
      // Not every package has exports; the older rules follow.
    }
  }
  return createRequire(manifest).resolve(path);
}

/** Stoa's own driver packages that are installed beside this one. */
export function installedDriverPackages(folder: string): string[] {
  const found = new Set<string>();
  const starts = [folder, dirname(fileURLToPath(import.meta.url))];
  for (const start of starts) {
    for (let at = start; ; at = dirname(at)) {
      const modules = join(at, 'node_modules');
      if (existsSync(modules)) for (const name of namesIn(modules)) found.add(name);
      if (dirname(at) === at) break;
    }
  }
  return [...found].sort();
}

/** Packages of Stoa's, and others that carry the keyword "stoa-driver". */
function namesIn(modules: string): string[] {
  const candidates = readdirSync(modules, { withFileTypes: true }).flatMap((entry) => {
    if (!entry.name.startsWith('@')) return [entry.name];
    return readdirSync(join(modules, entry.name)).map((inner) => `${entry.name}/${inner}`);
  });
  return candidates.filter((name) => {
    if (name.startsWith('@stoa/driver-')) return true;
    if (name.startsWith('.')) return false;
    try {
      const manifest = JSON.parse(readFileSync(join(modules, name, 'package.json'), 'utf8')) as { keywords?: unknown };
      return Array.isArray(manifest.keywords) && manifest.keywords.includes('stoa-driver');
    } catch {
      return false;
    }
  });
}
