/**
 * A disk that can be made to hang: writes, syncs and renames wait until it is released. Reads are
 * not delayed.
 */
import type { File, FileSystem } from '@babuza/vfs';

/** LevelDB writes its files by itself, and a log in memory has none. */
export const canHang = (walType: string): boolean => /^(babuza|etcd)/i.test(walType);

const waitingInFiles = ['write', 'writeDurable', 'datasync', 'truncate'];
const waitingInFolders = ['rename', 'unlink', 'makeDirectory', 'removeDirectory', 'syncDirectory'];

export class HangingDisk {
  readonly fileSystem: FileSystem;
  #released: Promise<void> | undefined;
  #release: () => void = () => undefined;

  constructor(disk: FileSystem) {
    const folders = this.#waiting(disk, waitingInFolders);
    this.fileSystem = new Proxy(folders, {
      get: (of, name) => {
        if (name !== 'open') return Reflect.get(of, name, of);
        return async (...given: Parameters<FileSystem['open']>): Promise<File> =>
          this.#waiting(await of.open(...given), waitingInFiles);
      },
    });
  }

  /** Makes all later calls wait. A call that has already reached the disk is not delayed. */
  hang(): void {
    this.#released ??= new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  release(): void {
    this.#released = undefined;
    this.#release();
  }

  #waiting<T extends object>(target: T, names: readonly string[]): T {
    return new Proxy(target, {
      get: (of, name) => {
        const value: unknown = Reflect.get(of, name, of);
        if (typeof value !== 'function') return value;
        if (!names.includes(String(name))) return value.bind(of);
        return async (...given: unknown[]): Promise<unknown> => {
          await this.#released;
          return Reflect.apply(value, of, given);
        };
      },
    });
  }
}
