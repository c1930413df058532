// Lays out what the image carries: of every package that the executable needs its manifest and the files it publishes, without
// sources, so that `bin/stoa.mjs` starts the compiled code; beside them the lock file, for `npm ci --omit=dev`.
//   node deploy/image/assemble.mjs TARGET        (after `npm run build`)
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const target = process.argv[2];
if (target === undefined) throw new Error('usage: node deploy/image/assemble.mjs TARGET');

const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));
const manifest = readJson(join(root, 'package.json'));

/** Folders of the workspaces, relative to the root, by package name. */
const workspaces = new Map();
for (const pattern of manifest.workspaces) {
  const [parent, inner] = pattern.split('/');
  const folders = inner === '*' ? readdirSync(join(root, parent)).map((name) => join(parent, name)) : [pattern];
  for (const folder of folders) {
    const path = join(root, folder, 'package.json');
    if (existsSync(path)) workspaces.set(readJson(path).name, folder);
  }
}

/** The packages of this repository that one needs, itself included. */
function needs(name, found = new Set()) {
  const folder = workspaces.get(name);
  if (folder === undefined || found.has(name)) return found;
  found.add(name);
  const { dependencies = {} } = readJson(join(root, folder, 'package.json'));
  for (const dependency of Object.keys(dependencies)) needs(dependency, found);
  return found;
}

mkdirSync(target, { recursive: true });
const folders = [...needs('@stoa/stoa')].map((name) => workspaces.get(name)).sort();
for (const folder of folders) {
  const own = readJson(join(root, folder, 'package.json'));
  for (const name of ['package.json', ...(own.files ?? [])]) {
    const from = join(root, folder, name);
    if (!existsSync(from)) throw new Error(`${folder}/${name} is missing: run \`npm run build\` first`);
    cpSync(from, join(target, folder, name), {
      recursive: true,
      filter: (path) => !/\.(map|d\.ts|tsbuildinfo)$/.test(path),
    });
  }
}
for (const name of ['package-lock.json', '.npmrc']) {
  if (existsSync(join(root, name))) cpSync(join(root, name), join(target, name));
}
const { devDependencies, scripts, ...kept } = manifest;
writeFileSync(join(target, 'package.json'), `${JSON.stringify({ ...kept, workspaces: folders }, null, 2)}\n`);
