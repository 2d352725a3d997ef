/** The names in the directory of a log, as the table of kinds of logs asks for them. */
import { FileError, type FileErrorKind, type FileSystem } from '@babuza/vfs';
import { isGroupFolder } from './group-folder.ts';

type Test = (name: string, path: string) => Promise<boolean>;

/** A directory while the table of kinds is asked about it. Each folder is listed once. */
export class SearchedDirectory {
  readonly #fileSystem: FileSystem;
  readonly #path: string;
  readonly #listed = new Map<string, readonly string[]>();
  /** By folder. */
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
   * Whether a file begins with a record of etcd that holds a checksum, as each of its segments
   * does. This tells a segment of etcd that somebody gave the name of a native one. Only the first
   * file of a folder is read, and answers for the others: a long log has many segments.
   */
  async startsAsEtcd(path: string): Promise<boolean> {
    const folder = path.slice(0, path.lastIndexOf('/') + 1);
    const known = this.#startsAsEtcd.get(folder);
    if (known !== undefined) return known;
    const bytes = await this.#readStart(path);
    const starts = etcdChecksumRecord.every((byte, at) => bytes[lengthFieldBytes + at] === byte);
    this.#startsAsEtcd.set(folder, starts);
    return starts;
  }

  /** Zeros for a file that was removed in the meantime, and for a directory. */
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
      if (!isFileError(error, 'not-found', 'is-a-directory')) throw error;
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
      // A link counts, and is refused later: it is no reason to believe that there is no log.
      return entries.map(({ name }) => name);
    } catch (error) {
      if (!isFileError(error, 'not-found', 'not-a-directory')) throw error;
      return [];
    }
  }
}

function isFileError(error: unknown, ...kinds: FileErrorKind[]): boolean {
  return error instanceof FileError && kinds.includes(error.kind);
}

/** The length of a record stands before it. */
const lengthFieldBytes = 8;
/** A record of etcd with the type "checksum": field 1 is 4, then comes field 2. */
const etcdChecksumRecord: readonly number[] = [0x08, 0x04, 0x10];

function below(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}
