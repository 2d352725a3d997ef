/**
 * The back end in memory, for tests: the log of `@babuza/wal-level` on memory-level. It behaves
 * like a log on disk until the process ends or its `MemoryStore` is dropped, and everything with
 * it.
 */
import {
  entryBytesMaxLimit,
  InvalidArgumentError,
  type WalBackend,
  type WalCapabilities,
} from '@babuza/wal-core';
import {
  LevelWalManager,
  type LevelDatabase,
  type LevelStoreKind,
  type LevelWalOptions,
} from '@babuza/wal-level';
import { readFailure, refuseOtherKinds, translating } from '@babuza/wal-files';
import { nodeEnvironment, type Environment, type FileSystem } from '@babuza/vfs';
import { MemoryStore } from './memory-store.ts';

/** The name of this WAL type in configurations. */
export const LevelWalMemory = 'level-wal-memory';

/** A name of the original design, accepted for configurations that were written for it. */
export const BadgerWalMemory = 'badger-wal-memory';

/** A name of the original design, accepted for configurations that were written for it. */
export const PebbleWalMemory = 'pebble-wal-memory';

export interface MemoryWalOptions extends LevelWalOptions {
  /**
   * The store that holds the logs. Default: a new, empty one that nobody can open again. The
   * directory does not matter then, except that a directory with a log of another kind is refused.
   */
  readonly store?: MemoryStore | undefined;
  /** The file system that is searched for logs of other kinds. Default: that of Node.js. */
  readonly environment?: Pick<Environment, 'fileSystem'> | undefined;
}

/** The capabilities of the log in memory. */
export const capabilities: WalCapabilities = Object.freeze({
  durable: false,
  batchAtomic: true,
  detectsEveryFlip: true,
  exactPurge: true,
  entryBytesMax: entryBytesMaxLimit,
});

/** The entry point of the log in memory. */
export const walBackend: WalBackend<MemoryWalOptions> = {
  types: [LevelWalMemory, BadgerWalMemory, PebbleWalMemory],
  capabilities,
  open: async (directory, options = {}) => {
    const checked = checkedOptions(options);
    const { store = new MemoryStore(), environment = nodeEnvironment(), ...levelOptions } = checked;
    const kind = new MemoryKind(store, environment.fileSystem);
    return new LevelWalManager(kind, directory, levelOptions);
  },
};

const optionNames: readonly (keyof MemoryWalOptions)[] = [
  'cache',
  'verifyOnOpen',
  'store',
  'environment',
];

/** Checks the options that `LevelWalManager` does not know. Throws `WAL_INVALID`. */
function checkedOptions(options: MemoryWalOptions): MemoryWalOptions {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidArgumentError(`options must be an object, got ${String(options)}`);
  }
  const known: ReadonlySet<string> = new Set(optionNames);
  const unknown = Object.keys(options).find((name) => !known.has(name));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(
      `the option ${unknown} is unknown. The options are: ${optionNames.join(', ')}`,
    );
  }
  const { store } = options;
  if (store === undefined || store instanceof MemoryStore) return options;
  throw new InvalidArgumentError(`store must be a MemoryStore, or left out, got ${typeof store}`);
}

class MemoryKind implements LevelStoreKind {
  readonly capabilities: WalCapabilities = capabilities;
  readonly syncs = false;
  readonly #store: MemoryStore;
  readonly #fileSystem: FileSystem;

  constructor(store: MemoryStore, fileSystem: FileSystem) {
    this.#store = store;
    this.#fileSystem = fileSystem;
  }

  /** Refuses a directory with a durable log, which an empty log in memory would hide. */
  checkDirectory(directory: string): Promise<void> {
    return translating(readFailure, () =>
      refuseOtherKinds(this.#fileSystem, directory, LevelWalMemory),
    );
  }

  async exists(): Promise<boolean> {
    return this.#store.exists;
  }

  open(): Promise<LevelDatabase> {
    return this.#store.open();
  }
}
