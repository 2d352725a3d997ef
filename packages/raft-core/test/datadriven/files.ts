/**
 * Finds the data-driven files: our own in `test/data`, etcd's in a folder outside the repository.
 * `BABUZA_ETCD_RAFT_FIXTURES` is the path of another folder with the layout of etcd-io/raft:
 * interaction tests in `testdata`, the others in `confchange/testdata` and `quorum/testdata`.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export type Kind = 'interaction' | 'confchange' | 'quorum';

export interface DataFile {
  /** The path below the folder of its kind. */
  readonly name: string;
  readonly path: string;
  readonly text: string;
}

const folders: Readonly<Record<Kind, string>> = {
  interaction: 'testdata',
  confchange: 'confchange/testdata',
  quorum: 'quorum/testdata',
};

export const kinds: readonly Kind[] = ['interaction', 'confchange', 'quorum'];

export const ownFolder: string = fileURLToPath(new URL('../data', import.meta.url));

const repositoryRoot = fileURLToPath(new URL('../../../..', import.meta.url));
const given = process.env['BABUZA_ETCD_RAFT_FIXTURES'];

export const etcdFolder: string = given ?? `${repositoryRoot}/../shared/fixtures/etcd-raft`;
/** Whether the default folder is used. Only its numbers of files are known. */
export const isDefaultEtcdFolder: boolean = given === undefined;
export const hasEtcdFolder: boolean = existsSync(etcdFolder);
/** Whether a run without etcd's files fails. A given folder that does not exist fails, too. */
export const requiresEtcdFolder: boolean =
  isSet('BABUZA_REQUIRE_FIXTURES') || isSet('CI') || given !== undefined;
/** Whether the expected outputs of our own files are rewritten. */
export const rewrites: boolean = isSet('BABUZA_REWRITE');

/** All files of a kind, including those in sub-folders. */
export function filesOf(folder: string, kind: Kind): DataFile[] {
  const root = `${folder}/${folders[kind]}`;
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`)
    .sort()
    .map((path) => ({ name: path.slice(root.length + 1), path, text: readFileSync(path, 'utf8') }));
}

function isSet(name: string): boolean {
  const value = process.env[name];
  return value !== undefined && value !== '' && value !== '0' && value !== 'false';
}
