/**
 * The kinds of logs that a directory can hold, and how their files are recognised. Every back end
 * checks this before it reads or creates a log, so that it never starts an empty log beside
 * acknowledged entries in another format.
 *
 * A kind is recognised by the names of files, so a damaged log still counts. Names of temporary
 * files, locks and empty folders do not count. A new back end adds one row to `logKinds`.
 */
import type { FileSystem } from '@babuza/vfs';
import { SearchedDirectory } from './searched-directory.ts';

/** A row of the table of kinds. */
export interface LogKind {
  /** The `walType` that opens such a directory; `undefined` if no back end opens it as it is. */
  readonly walType: string | undefined;
  /** The name of the kind in error messages. */
  readonly title: string;
  /** Advice on such a directory for error messages, for kinds without a `walType`. */
  readonly advice?: string;
  /**
   * The path, relative to the directory, of a file of this kind; `undefined` if there is no such
   * file.
   */
  findEvidence(directory: SearchedDirectory): Promise<string | undefined>;
}

/** A kind that was found in a directory. */
export interface FoundKind {
  readonly kind: LogKind;
  /** The path, relative to the directory, of a file of this kind. */
  readonly evidence: string;
}

/**
 * 16 and 8 digits; segment 0 does not exist. Such a name is also a valid name of a segment of etcd.
 */
const nativeSegment = /^(?!0{16})[0-9a-f]{16}-[0-9a-f]{8}\.wal$/;
/** As lenient as etcd, which accepts shorter numbers and text after the second one. */
const etcdSegment = /^[0-9a-fA-F]{1,16}-[0-9a-fA-F]{1,16}\.wal(?:.*\.wal)?$/s;
const levelData = /^(?:CURRENT|\d+\.(?:log|ldb|sst))$/;
const levelManifest = /^MANIFEST-\d+$/;
const levelSyncRecord = /^[0-9a-f]{16}$/;

/** All known kinds. A log in memory has no files and therefore no row. */
export const logKinds: readonly LogKind[] = [
  {
    walType: 'babuza-wal',
    title: 'a native log',
    findEvidence: (directory) =>
      directory.findInGroups(
        async (name, path) => nativeSegment.test(name) && !(await directory.startsAsEtcd(path)),
      ),
  },
  {
    walType: 'etcd-wal',
    title: "a log in etcd's format",
    findEvidence: (directory) =>
      directory.findInGroups(
        async (name, path) =>
          etcdSegment.test(name) &&
          (!nativeSegment.test(name) || (await directory.startsAsEtcd(path))),
      ),
  },
  {
    walType: 'level-wal',
    title: 'a log on LevelDB',
    findEvidence: async (directory) =>
      (await directory.find('db', levelData)) ?? (await directory.find('witness', levelSyncRecord)),
  },
  {
    walType: undefined,
    title: 'the data directory of an etcd server',
    advice: "The log of the server is in its folder member/wal: open that one as 'etcd-wal'.",
    findEvidence: (directory) => directory.find('member/wal', etcdSegment),
  },
  {
    walType: undefined,
    title: 'a LevelDB database',
    advice:
      "A log of the type 'level-wal' has its database in the folder db: if this is the database of such a log, move its files into db, else use another directory.",
    findEvidence: async (directory) =>
      (await directory.find('', /^CURRENT$/)) && directory.find('', levelManifest),
  },
];

/**
 * Finds every kind of log that a directory holds, in the order of the table. The result is empty
 * for a directory that does not exist. Rejects with a `FileError` if a directory, or the start of a
 * segment, cannot be read.
 */
export async function findLogKinds(
  fileSystem: FileSystem,
  directory: string,
): Promise<readonly FoundKind[]> {
  const searched = new SearchedDirectory(fileSystem, directory);
  const found: FoundKind[] = [];
  for (const kind of logKinds) {
    const evidence = await kind.findEvidence(searched);
    if (evidence !== undefined) found.push({ kind, evidence });
  }
  return found;
}
