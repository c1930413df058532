import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { generateImapCommand } from './imap-command.ts';

const repository = resolve(import.meta.dirname, '../..');
const root = mkdtempSync(join(tmpdir(), 'stoa-imap-command-'));
for (const folder of ['libs/mail/src/imap', 'services/imap/src/commands']) {
  cpSync(join(repository, folder), join(root, folder), { recursive: true });
}

afterAll(() => rmSync(root, { recursive: true, force: true }));

const read = (file: string) => readFileSync(join(root, file), 'utf8');

describe('a new IMAP command', () => {
  it('is in the grammar, the parser and the registry, with a handler and a test', () => {
    generateImapCommand(root, 'getthings');
    expect(read('libs/mail/src/imap/command.ts')).toContain("| 'GETTHINGS'\n");
    expect(read('libs/mail/src/imap/parser/parse-command.ts')).toContain("['GETTHINGS', simple('GETTHINGS')]");
    expect(read('services/imap/src/commands/index.ts')).toMatch(
      /import \{ getthings \} from '\.\/getthings\.ts';[\s\S]*GETTHINGS: getthings,/,
    );
    expect(read('services/imap/src/commands/getthings.ts')).toContain("Handler<'GETTHINGS'>");
    expect(read('services/imap/src/commands/getthings.test.ts')).toContain('a GETTHINGS');
  });

  it('is refused where there is one of that name, or it is no name', () => {
    expect(() => generateImapCommand(root, 'NOOP')).toThrow('already');
    expect(() => generateImapCommand(root, '../x')).toThrow('letters and digits');
  });
});
