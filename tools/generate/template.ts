import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const TEMPLATES = join(import.meta.dirname, 'templates');

/** A template with its places filled: `{{name}}`. An unknown place is an error of the template. */
export function fill(template: string, values: Readonly<Record<string, string>>): string {
  return readFileSync(join(TEMPLATES, template), 'utf8').replaceAll(/\{\{(\w+)\}\}/g, (_, place: string) => {
    const value = values[place];
    if (value === undefined) throw new Error(`${template}: nothing fills {{${place}}}`);
    return value;
  });
}

/** Writes a new file; never over one that is there. */
export function writeNew(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text, { flag: 'wx' });
}

export const capitalise = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);

/** "my-thing" as "MyThing". */
export const className = (name: string) => name.split('-').map(capitalise).join('');
