/** `npm run new:imap-command -- <NAME>`: a command without arguments, from the grammar to the reply, with a test that passes at once. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fill, writeNew } from './template.ts';

const GRAMMAR = 'libs/mail/src/imap/command.ts';
const PARSER = 'libs/mail/src/imap/parser/parse-command.ts';
const COMMANDS = 'services/imap/src/commands';

/** Puts `added` behind the one place where `anchor` stands. */
function insertAfter(file: string, anchor: string, added: string): void {
  const text = readFileSync(file, 'utf8');
  if (text.split(anchor).length !== 2) throw new Error(`${file}: expected ${JSON.stringify(anchor)} once`);
  writeFileSync(
    file,
    text.replace(anchor, () => anchor + added),
  );
}

/** Writes the command below `root`. Returns the files that it made or changed. */
export function generateImapCommand(root: string, given: string): string[] {
  const name = given.toUpperCase();
  if (!/^[A-Z][A-Z0-9]{1,30}$/.test(name))
    throw new Error("a command's name has letters and digits, such as GETTHINGS");
  const grammar = join(root, GRAMMAR);
  if (readFileSync(grammar, 'utf8').includes(`'${name}'`)) throw new Error(`the grammar has ${name} already`);
  const variable = name.toLowerCase();
  const file = join(root, COMMANDS, `${variable}.ts`);
  const test = join(root, COMMANDS, `${variable}.test.ts`);
  const registry = join(root, COMMANDS, 'index.ts');
  const values = { NAME: name, variable };
  writeNew(file, fill('imap-command/command.ts.txt', values));
  writeNew(test, fill('imap-command/command.test.ts.txt', values));
  insertAfter(grammar, "  | 'IDLE'\n", `  | '${name}'\n`);
  insertAfter(join(root, PARSER), "  ['IDLE', simple('IDLE')],\n", `  ['${name}', simple('${name}')],\n`);
  insertAfter(registry, "import { status } from './status.ts';\n", `import { ${variable} } from './${variable}.ts';\n`);
  insertAfter(registry, '  IDLE: idle,\n', `  ${name}: ${variable},\n`);
  return [file, test, grammar, join(root, PARSER), registry];
}

if (import.meta.main) {
  const [name] = process.argv.slice(2);
  if (name === undefined) {
    process.stderr.write('usage: npm run new:imap-command -- <NAME>\n');
    process.exit(2);
  }
  const root = resolve(import.meta.dirname, '../..');
  try {
    const files = generateImapCommand(root, name);
    process.stdout.write(
      `${files.map((path) => relative(root, path)).join('\n')}\n\nSort the imports with npm run format. Its test passes: npx vitest run --project unit ${COMMANDS}/${name.toLowerCase()}.test.ts\nArguments are read in ${PARSER}; announce the capability in services/imap/src/capability.ts and docs/rfc-support.md.\n`,
    );
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exit(1);
  }
}
