/**
 * The files of a folder of fixtures: two indexes, either of which may be missing, and the files
 * that they name. The `README.md` of the folder explains them.
 */
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const sharedFolder = fileURLToPath(
  new URL('../../../../../shared/fixtures/etcd-wal', import.meta.url),
);

/** The folder with the fixtures. The environment variable can name another one. */
export const fixtureFolder: string = process.env['BABUZA_ETCD_WAL_FIXTURES'] ?? sharedFolder;

/** Answers by the version of etcd. Versions with the answers of an earlier one are omitted. */
type ExpectedFiles = Readonly<Partial<Record<'3.4' | '3.5' | 'main', string>>>;

export interface SnapshotPlace {
  readonly index: string;
  readonly term: string;
}

export interface Fixture {
  readonly name: string;
  readonly about: string;
  readonly writer?: string;
  readonly segmentSize: number;
  readonly archive: string;
  readonly spec?: string;
  readonly forge?: string;
  readonly expected: ExpectedFiles;
  readonly at?: readonly (SnapshotPlace & { readonly expected: ExpectedFiles })[];
  /**
   * For fixtures of real servers: all files of the archive with their sizes, and the snapshots to
   * start from.
   */
  readonly files?: Readonly<Record<string, number>>;
  readonly snapshotFiles?: readonly SnapshotPlace[];
}

/** Returns the content of an index, or `undefined` if the folder does not have it. */
export function readIndex(name: 'index.json' | 'index-real.json'): readonly Fixture[] | undefined {
  const path = `${fixtureFolder}/${name}`;
  if (!fs.existsSync(path)) return undefined;
  const index = JSON.parse(fs.readFileSync(path, 'utf8')) as { readonly fixtures: Fixture[] };
  return index.fixtures;
}

/** Returns the lines of a file with one JSON value a line, compressed or not. */
export function readLines<Line>(name: string): Line[] {
  const bytes = fs.readFileSync(`${fixtureFolder}/${name}`);
  const text = (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

/** Returns the answers of the newest version that has answers of its own. */
export function expectedFile(expected: ExpectedFiles): string {
  const file = expected.main ?? expected['3.5'] ?? expected['3.4'];
  if (file === undefined) throw new Error('a fixture without anything expected');
  return file;
}
