// Copies the built packages that the writer needs, with what they depend on, to the folder of the
// initramfs. Paths stay as they are below the repository, so that links lead to the same places.
import { cpSync, existsSync, mkdirSync, readdirSync, realpathSync } from 'node:fs';
import { dirname, relative } from 'node:path';

const [repository, to] = process.argv.slice(2);
const seen = new Set();

/** Links of a folder `node_modules`, those of scopes included. */
function linksIn(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) =>
      name.startsWith('@')
        ? readdirSync(`${folder}/${name}`).map((part) => `${name}/${part}`)
        : [name],
    )
    .map((name) => `${folder}/${name}`);
}

function copy(path) {
  const target = `${to}/${relative(repository, path)}`;
  mkdirSync(dirname(target), { recursive: true });
  cpSync(path, target, { recursive: true, verbatimSymlinks: true });
}

function add(link) {
  const real = realpathSync(link);
  if (seen.has(real)) return;
  seen.add(real);
  if (real.includes('/.pnpm/')) {
    // The package, and beside it the links to what it depends on.
    const [beside] = /^.*\/\.pnpm\/[^/]+\/node_modules/.exec(real);
    copy(beside);
    linksIn(beside).forEach(add);
    return;
  }
  if (real.endsWith('/testkit')) return;
  for (const part of ['package.json', 'dist', 'node_modules']) {
    if (existsSync(`${real}/${part}`)) copy(`${real}/${part}`);
  }
  linksIn(`${real}/node_modules`).forEach(add);
}

for (const name of ['wal-native', 'wal-etcd', 'wal-level-disk'])
  add(`${repository}/packages/${name}`);
copy(`${repository}/packages/wal-level-disk/test/support/writer.mjs`);
copy(`${repository}/packages/wal-level-disk/test/support/workload.mjs`);
cpSync(`${repository}/tools/power-cut-vm/run.mjs`, `${to}/run.mjs`);
