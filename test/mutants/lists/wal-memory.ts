import type { Mutant } from '../mutant.ts';

const options = 'wal-memory/test/options.test.ts';
const memory = 'wal-memory/test/memory.test.ts';

/** The log in memory. */
export const walMemory: readonly Mutant[] = [
  {
    name: 'two that open a new store in the same moment both own it',
    file: 'wal-memory/src/memory-store.ts',
    find: '    this.#openedBefore = true;\n    await this.#database.open();\n',
    replace: '    await this.#database.open();\n    this.#openedBefore = true;\n',
    caughtBy: [options, 'has one owner even if two managers open it for the first time at once'],
  },
  {
    name: 'a store that is open is opened again',
    file: 'wal-memory/src/memory-store.ts',
    find: "    if (this.#openedBefore && status !== 'closed') {",
    replace: "    if (this.#openedBefore && status === 'closing') {",
    caughtBy: [memory, 'one owner at a time'],
  },
  {
    name: 'a store that was never opened has logs',
    file: 'wal-memory/src/memory-store.ts',
    find: 'return this.#openedBefore;',
    replace: 'return true;',
    caughtBy: [options, 'exists once it was opened'],
  },
  {
    name: 'a store is empty after a restart',
    file: 'wal-memory/src/memory-store.ts',
    find: 'return this.#openedBefore;',
    replace: 'return false;',
    caughtBy: [options, 'exists once it was opened'],
  },
  {
    name: 'the bounds of the cache do not reach the log',
    file: 'wal-memory/src/memory-backend.ts',
    find: 'new LevelWalManager(kind, directory, levelOptions)',
    replace: 'new LevelWalManager(kind, directory, { verifyOnOpen: levelOptions.verifyOnOpen })',
    caughtBy: [options, 'cache.entriesMax of 4 keeps of 5'],
  },
  {
    name: 'the entries are not verified at the opening',
    file: 'wal-memory/src/memory-backend.ts',
    find: 'new LevelWalManager(kind, directory, levelOptions)',
    replace: 'new LevelWalManager(kind, directory, { cache: levelOptions.cache })',
    caughtBy: [options, 'verifyOnOpen: true'],
  },
  {
    name: 'all logs without a store share one',
    file: 'wal-memory/src/memory-backend.ts',
    find: '    const checked = checkedOptions(options);\n    const { store = new MemoryStore(),',
    replace:
      '    const checked = checkedOptions(options);\n    const { store = ((globalThis as { s?: MemoryStore }).s ??= new MemoryStore()),',
    caughtBy: [memory, 'is empty at every opening'],
  },
  {
    name: 'a log in memory hides a durable one',
    file: 'wal-memory/src/memory-backend.ts',
    find: '    return translating(readFailure, () =>\n      refuseOtherKinds(this.#fileSystem, directory, LevelWalMemory),\n    );',
    replace: '    void directory;\n    return Promise.resolve();',
    caughtBy: [
      memory,
      'refuses a directory with a durable log, which it would hide, and one that cannot be read',
    ],
    promise: 'kind of log',
  },
];
