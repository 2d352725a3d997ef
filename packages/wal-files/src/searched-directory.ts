/** The names in the directory of a log, for the table of kinds of logs. */
import { FileError, type FileErrorKind, type FileSystem } from '@babuza/vfs';
import { isGroupFolder } from './group-folder.ts';

type Test = (name: string, path: string) => Promise<boolean>;

/** A directory that is searched for kinds of logs. Each folder is listed only once. */
export class SearchedDirectory {
  readonly #fileSystem: FileSystem;
  readonly #path: string;
  readonly #listed = new Map<string, readonly string[]>();
  /** Results of `startsAsEtcd`, by folder. */
  readonly #startsAsEtcd = new Map<string, boolean>();

  constructor(fileSystem: FileSystem, path: string) {
    this.#fileSystem = fileSystem;
    this.#path = path;
  }

  /** The first name in a folder that matches the pattern. The folder '' is the directory itself. */
  async find(folder: string, pattern: RegExp): Promise<string | undefined> {
    const name = (await this.#list(folder)).find((listed) => pattern.test(listed));
    return name === undefined ? undefined : below(folder, name);
  }

  /** The first name that passes the test, in the directory itself or in the folder of a group. */
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
   * Whether a file begins with a checksum record of etcd, as every segment of etcd does. This
   * recognises a segment of etcd whose name could be that of a native one. Only the first file of a
   * folder is read and decides for all, because a long log has many segments.
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

  /** The first bytes of a file; zeros if it was removed in the meantime or is a directory. */
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

  /** The names in a folder; empty if the folder does not exist. */
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
      // A link counts as well: there may be a log, and the link is refused when it is opened.
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

/** Every record of etcd follows its length. */
const lengthFieldBytes = 8;
/** The start of a checksum record of etcd: field 1, the type, is 4; then the tag of field 2. */
const etcdChecksumRecord: readonly number[] = [0x08, 0x04, 0x10];

function below(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}
