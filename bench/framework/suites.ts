import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Bench } from './bench.ts';

const folder = resolve(import.meta.dirname, '../suites');

/** Every bench of bench/suites, by name. */
export async function findBenches(): Promise<Bench[]> {
  const files = readdirSync(folder).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
  const benches: Bench[] = [];
  for (const file of files.sort()) {
    const { default: exported } = (await import(pathToFileURL(join(folder, file)).href)) as {
      default?: Bench | Bench[];
    };
    const found = [exported ?? []].flat();
    if (found.length === 0) throw new Error(`bench/suites/${file} exports no bench as its default`);
    benches.push(...found);
  }
  const names = benches.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new Error(`two benches are named ${twice}`);
  return benches;
}

/** Whether a bench is meant by `--only`: by its name, or by the name of its family ("notice" means "notice-nats", too). */
export function isMeant({ name }: Bench, only: string): boolean {
  return name === only || name.startsWith(`${only}-`);
}
