/** `npm run new:driver -- <kind> <name>`: a package in drivers/ with code and a conformance test that pass at once. */
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { capitalise, className, fill, writeNew } from './template.ts';

const KINDS: Readonly<Record<string, { suite: string; capabilities: string; title: string }>> = {
  data: { suite: 'StoreSuite', capabilities: "{ shared: 'process' }", title: 'Data store' },
  blob: { suite: 'StoreSuite', capabilities: "{ shared: 'process', conditionalCreate: true }", title: 'Blob store' },
  memory: { suite: 'StoreSuite', capabilities: "{ shared: 'process', deletePrefix: false }", title: 'Memory store' },
  search: { suite: 'StoreSuite', capabilities: "{ shared: 'process' }", title: 'Search store' },
  bus: { suite: 'Suite', capabilities: "{ shared: 'process' }", title: 'Bus' },
};

/** Writes the package below `root`. Returns its folder. */
export function generateDriver(root: string, kind: string, name: string): string {
  const facts = KINDS[kind];
  if (facts === undefined) throw new Error(`a driver's kind is one of ${Object.keys(KINDS).join(', ')}`);
  if (!/^[a-z][a-z0-9-]*$/.test(name))
    throw new Error('a driver\'s name has lower-case letters, digits and dashes, such as "example"');
  const folder = join(root, 'drivers', `${kind}-${name}`);
  if (existsSync(folder)) throw new Error(`${folder} exists already`);
  const file = kind === 'bus' ? 'bus' : 'store';
  const values = {
    kind,
    name,
    file,
    Suite: facts.suite,
    Title: facts.title,
    capabilities: facts.capabilities,
    Class: `${className(name)}${kind === 'bus' ? 'Bus' : `${capitalise(kind)}Store`}`,
  };
  const manifest = {
    name: `@stoa/driver-${kind}-${name}`,
    version: '0.1.0',
    description: `${facts.title}: ${name}`,
    license: 'Apache-2.0',
    type: 'module',
    keywords: ['stoa-driver'],
    exports: { '.': { 'stoa-source': './src/index.ts', types: './dist/index.d.ts', default: './dist/index.js' } },
    files: ['dist'],
    scripts: {
      build: 'tsc -p tsconfig.build.json',
      test: `vitest run --root ../.. --project unit drivers/${kind}-${name}`,
    },
    dependencies: { '@stoa/plugin-sdk': '0.1.0', zod: '^4.6.7' },
  };
  const build = {
    extends: '../../tsconfig.base.json',
    compilerOptions: { rootDir: 'src', outDir: 'dist', declaration: true, sourceMap: true, customConditions: [] },
    include: ['src'],
    exclude: ['src/**/*.test.ts'],
  };
  writeNew(join(folder, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
  writeNew(join(folder, 'tsconfig.build.json'), `${JSON.stringify(build, undefined, 2)}\n`);
  writeNew(
    join(folder, 'README.md'),
    `# ${facts.title}: ${name}\n\nWhat it reaches, what it guarantees, its configuration and limits.\n\n\`\`\`toml\n[${kind}]\ndriver = "${name}"\n\`\`\`\n`,
  );
  writeNew(join(folder, 'src/config.ts'), fill('driver/config.ts.txt', values));
  writeNew(join(folder, 'src/index.ts'), fill('driver/index.ts.txt', values));
  writeNew(join(folder, `src/${file}.ts`), fill(`driver/${kind}.ts.txt`, values));
  writeNew(join(folder, 'src/conformance.test.ts'), fill('driver/conformance.test.ts.txt', values));
  return folder;
}

/** What `npm install` would do for a workspace: the loader finds the package by its name from now on. */
function linkWorkspace(root: string, folder: string, packageName: string): void {
  const link = join(root, 'node_modules', packageName);
  mkdirSync(dirname(link), { recursive: true });
  if (!existsSync(link)) symlinkSync(relative(dirname(link), folder), link);
}

if (import.meta.main) {
  const [kind, name] = process.argv.slice(2);
  if (kind === undefined || name === undefined) {
    process.stderr.write('usage: npm run new:driver -- <data|blob|memory|search|bus> <name>\n');
    process.exit(2);
  }
  const root = resolve(import.meta.dirname, '../..');
  try {
    const folder = generateDriver(root, kind, name);
    linkWorkspace(root, folder, `@stoa/driver-${kind}-${name}`);
    process.stdout.write(
      `made ${relative(root, folder)}\nIts test passes: npx vitest run --project unit drivers/${kind}-${name}\nConfiguration: [${kind}] driver = "${name}"\n`,
    );
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exit(1);
  }
}
