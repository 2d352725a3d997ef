/**
 * The kinds of logs that a directory can hold, and how the files of each are told from those of the
 * others. Every back end asks here before it reads or makes a log, so that none starts an empty log
 * beside acknowledged entries that it cannot see.
 *
 * A kind is recognised by names, so a damaged log is still a log of its kind. Names of temporary
 * files, locks and folders without a log show no kind. A new back end adds one row to `logKinds`.
 */
import type { FileSystem } from '@babuza/vfs';
import { SearchedDirectory } from './searched-directory.ts';

/** A row of the table. */
export interface LogKind {
  /** The `walType` that opens such a directory; `undefined` where none opens it as it is. */
  readonly walType: string | undefined;
  /** The kind in words, for errors. */
  readonly title: string;
  /** What to do with such a directory; only where there is no `walType` for it. */
  readonly wayOut?: string;
  /** The path below the directory of a file that shows this kind, or `undefined`. */
  findEvidence(directory: SearchedDirectory): Promise<string | undefined>;
}

/** A kind that was found in a directory. */
export interface FoundKind {
  readonly kind: LogKind;
  /** The path below the directory of the file that shows it. */
  readonly evidence: string;
}

/** Sixteen and eight digits; segment 0 does not exist. Etcd would take such a name for its own. */
const nativeSegment = /^(?!0{16})[0-9a-f]{16}-[0-9a-f]{8}\.wal$/;
/** As leniently as etcd reads names. */
const etcdSegment = /^[0-9a-fA-F]{1,16}-[0-9a-fA-F]{1,16}\.wal(?:.*\.wal)?$/s;
const levelData = /^(?:CURRENT|\d+\.(?:log|ldb|sst))$/;
const levelManifest = /^MANIFEST-\d+$/;
const levelWitness = /^[0-9a-f]{16}$/;

/** All kinds that are known. A log in memory has no files and therefore no row. */
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
      (await directory.find('db', levelData)) ?? (await directory.find('witness', levelWitness)),
  },
  {
    walType: undefined,
    title: 'the data directory of an etcd server',
    wayOut: "The log of the server is in its folder member/wal: open that one as 'etcd-wal'.",
    findEvidence: (directory) => directory.find('member/wal', etcdSegment),
  },
  {
    walType: undefined,
    title: 'a LevelDB database',
    wayOut:
      "A log of the type 'level-wal' has its database in the folder db: if this is the database of such a log, move its files into db, else use another directory.",
    findEvidence: async (directory) =>
      (await directory.find('', /^CURRENT$/)) && directory.find('', levelManifest),
  },
];

/**
 * Finds every kind of log that a directory holds, in the order of the table. A directory that does
 * not exist holds none. Rejects with `FileError` where a directory, or the start of a segment,
 * cannot be read.
 */
export async function findLogKinds(
  fileSystem: FileSystem,
  directory: string,
): Promise<readonly FoundKind[]> {
  const looked = new SearchedDirectory(fileSystem, directory);
  const found: FoundKind[] = [];
  for (const kind of logKinds) {
    const evidence = await kind.findEvidence(looked);
    if (evidence !== undefined) found.push({ kind, evidence });
  }
  return found;
}
