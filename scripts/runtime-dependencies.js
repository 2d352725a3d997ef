// Lists the packages that a user of our packages installs: dependencies and optional dependencies,
// transitively, and optional peers that are present. It reads the manifests in node_modules, so the
// binary packages of other platforms are missing.
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * All packages of the workspace, as `{ directory, manifest }`; `pnpm-workspace.yaml` names the
 * same.
 */
export function workspacePackages(root) {
  const directories = ['packages', 'apps'].flatMap((kind) =>
    readdirSync(`${root}/${kind}`).map((name) => `${root}/${kind}/${name}`),
  );
  return [...directories, `${root}/examples`].map((directory) => ({
    directory,
    manifest: manifestIn(directory),
  }));
}

/** The packages that are published, as `{ directory, manifest }`. */
export function publishedPackages(root) {
  return workspacePackages(root).filter(({ manifest }) => manifest.private !== true);
}

/** Returns `{ name, version, license }` of each package, by name. */
export function runtimeDependencies(root) {
  const found = new Map();
  for (const { directory, manifest } of publishedPackages(root)) {
    for (const [name, range] of Object.entries(wantedBy(manifest))) {
      if (!range.startsWith('workspace:')) collect(directory, name, found);
    }
  }
  return found;
}

function collect(from, name, found) {
  const directory = find(from, name);
  if (directory === undefined || found.has(name)) return;
  const manifest = manifestIn(directory);
  found.set(name, { name, version: manifest.version, license: manifest.license });
  for (const each of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
    collect(directory, each, found);
  }
}

const wantedBy = ({ dependencies, optionalDependencies, peerDependencies }) => ({
  ...dependencies,
  ...optionalDependencies,
  ...peerDependencies,
});

function find(from, name) {
  for (let at = from; at !== dirname(at); at = dirname(at)) {
    const candidate = join(at, 'node_modules', name);
    if (existsSync(candidate)) return realpathSync(candidate);
  }
  return undefined;
}

const manifestIn = (directory) => JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
