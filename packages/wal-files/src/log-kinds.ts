/**
 * The kinds of logs that a directory can hold, and how the files of each are told from those of the
 * others. Every back end asks here before it reads or makes a log, so that none starts an empty log
 * beside acknowledged entries that it cannot see.
 *
 * A kind is recognised by names, so a damaged log is still a log of its kind. Names of temporary
 * files, locks and folders without a log show no kind. A new back end adds one row to `logKinds`.
 */
import { FileError, type FileSystem } from '@babuza/vfs';
import { isGroupFolder } from './group-folder.ts';

/** A row of the table. */
export interface LogKind {
  /** The `walType` that opens such a directory; `undefined` where none opens it as it is. */
  readonly walType: string | undefined;
  /** The kind in words, for errors. */
  readonly title: string;
  /** What to do with such a directory; only where there is no `walType` for it. */
  readonly wayOut?: string;
  /** The path below the directory of a file that shows this kind, or `undefined`. */
  findEvidence(directory: Directory): Promise<string | undefined>;
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
 * not exist holds none. Rejects with `FileError` where a directory cannot be listed.
 */
export async function findLogKinds(
  fileSystem: FileSystem,
  directory: string,
): Promise<readonly FoundKind[]> {
  const looked = new Directory(fileSystem, directory);
  const found: FoundKind[] = [];
  for (const kind of logKinds) {
    const evidence = await kind.findEvidence(looked);
    if (evidence !== undefined) found.push({ kind, evidence });
  }
  return found;
}

type Test = (name: string, path: string) => Promise<boolean>;

/** A directory while the table is asked about it. Each folder is listed once. */
class Directory {
  readonly #fileSystem: FileSystem;
  readonly #path: string;
  readonly #listed = new Map<string, readonly string[]>();
  readonly #startsAsEtcd = new Map<string, boolean>();

  constructor(fileSystem: FileSystem, path: string) {
    this.#fileSystem = fileSystem;
    this.#path = path;
  }

  /** The first name of a folder that fits; the folder '' is the directory itself. */
  async find(folder: string, pattern: RegExp): Promise<string | undefined> {
    const name = (await this.#list(folder)).find((listed) => pattern.test(listed));
    return name === undefined ? undefined : below(folder, name);
  }

  /** The first name that passes, in the directory itself or in the folder of a group. */
  async findInGroups(test: Test): Promise<string | undefined> {
    const groups = (await this.#list('')).filter(isGroupFolder);
    for (const folder of ['', ...groups]) {
      for (const name of await this.#list(folder)) {
        const path = below(folder, name);
        if (await test(name, path)) return path;
      }
    }
    return undefined;
  }

  /**
   * Whether a file begins with a record of etcd that holds a checksum, as each of its segments does.
   * This tells a segment of etcd that somebody gave the name of a native one. A file that cannot be
   * read is what its name says.
   */
  async startsAsEtcd(path: string): Promise<boolean> {
    const known = this.#startsAsEtcd.get(path);
    if (known !== undefined) return known;
    const bytes = await this.#readStart(path);
    const starts = etcdChecksumRecord.every((byte, at) => bytes[lengthFieldBytes + at] === byte);
    this.#startsAsEtcd.set(path, starts);
    return starts;
  }

  async #readStart(path: string): Promise<Uint8Array> {
    const bytes = new Uint8Array(lengthFieldBytes + etcdChecksumRecord.length);
    try {
      const file = await this.#fileSystem.open(`${this.#path}/${path}`, 'read');
      try {
        await file.read(bytes, 0);
      } finally {
        await file.close();
      }
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
    }
    return bytes;
  }

  /** The names in a folder, none of a folder that does not exist. */
  async #list(folder: string): Promise<readonly string[]> {
    let names = this.#listed.get(folder);
    if (names === undefined) {
      names = await this.#read(folder);
      this.#listed.set(folder, names);
    }
    return names;
  }

  async #read(folder: string): Promise<readonly string[]> {
    try {
      const entries = await this.#fileSystem.list(
        folder === '' ? this.#path : `${this.#path}/${folder}`,
      );
      // A link counts: a segment can lie on another volume.
      return entries.map(({ name }) => name);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      if (error.kind === 'not-found' || error.kind === 'not-a-directory') return [];
      throw error;
    }
  }
}

/** The length of a record stands before it. */
const lengthFieldBytes = 8;
/** A record of etcd with the type "checksum": field 1 is 4, then comes field 2. */
const etcdChecksumRecord: readonly number[] = [0x08, 0x04, 0x10];

function below(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}
