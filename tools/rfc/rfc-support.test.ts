import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/rfc-support.md'), 'utf8');

interface Row {
  rfc: string;
  files: string[];
  announced: string[];
}

const rows: Row[] = page
  .split('\n')
  .filter((line) => /^\| \d+ \|/.test(line))
  .map((line) => {
    const [, rfc, , where, announced = ''] = line.split('|').map((cell) => cell.trim());
    return {
      rfc: rfc as string,
      files: [...(where as string).matchAll(/`([^`]+)`/g)].map((match) => match[1] as string),
      announced: announced
        .split(',')
        .map((word) => word.trim())
        .filter((word) => word !== ''),
    };
  });

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !/\.test(-support)?\.ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** RFCs of the wire protocols, cited where a protocol is implemented. */
function cited(folders: readonly string[]): Set<string> {
  const found = new Set<string>();
  for (const file of folders.flatMap(sources)) {
    for (const match of readFileSync(file, 'utf8').matchAll(/RFC (\d{3,4})/g)) found.add(match[1] as string);
  }
  return found;
}

describe('the table of RFCs', () => {
  it.each(rows.map((row) => [row.rfc, row] as const))('RFC %s names files that cite it', (rfc, { files }) => {
    expect(files).not.toHaveLength(0);
    for (const file of files) {
      expect(existsSync(join(root, file)), file).toBe(true);
      expect(readFileSync(join(root, file), 'utf8'), `${file} cites RFC ${rfc}`).toMatch(
        new RegExp(`RFC ${rfc}\\b|RFC [\\d, ]*\\b${rfc}\\b`),
      );
    }
  });

  it('has every RFC that the protocol services cite', () => {
    const known = new Set(rows.map((row) => row.rfc));
    const missing = [...cited(['services/imap/src', 'services/smtp/src/commands'])].filter((rfc) => !known.has(rfc));
    expect(missing).toEqual([]);
  });

  it('has every capability that the servers announce', () => {
    const announced = new Set(rows.flatMap((row) => row.announced));
    const imap = readFileSync(join(root, 'services/imap/src/capability.ts'), 'utf8');
    const words = [
      ...imap.matchAll(/^ {2}'([A-Z0-9=+-]+(?:rev\d)?)',$/gim),
      ...(/ALWAYS = \[(.*?)\]/s.exec(imap)?.[1] ?? '').matchAll(/'([^']+)'/g),
    ];
    const smtp = readFileSync(join(root, 'services/smtp/src/commands/ehlo.ts'), 'utf8');
    const keywords = [...smtp.matchAll(/keyword: '([A-Z0-9]+)'/g)];
    const missing = [...words, ...keywords].map((match) => match[1] as string).filter((word) => !announced.has(word));
    expect(missing).toEqual([]);
    expect(words.length).toBeGreaterThan(15);
    expect(keywords.length).toBeGreaterThan(8);
  });
});
