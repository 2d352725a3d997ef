import type { Mutant } from '../mutant.ts';

export const walCore: readonly Mutant[] = [
  // Sizes and shapes of saves.
  {
    name: 'whether a group is durable is decided by its last save',
    file: 'wal-core/src/queued-wal.ts',
    find: 'plans.some((plan) => plan.durable)',
    replace: 'plans.at(-1)?.durable === true',
    caughtBy: [
      'wal-core/test/conformance.test.ts',
      'a save of every shape, first, before saves without a sync',
    ],
  },
  {
    name: 'a marker by itself needs no sync',
    file: 'wal-core/src/accepted-log.ts',
    find: `        first !== undefined ||
        marker !== undefined ||
`,
    replace: `        first !== undefined ||
`,
    caughtBy: ['wal-core/test/conformance.test.ts', 'a save of every shape, alone'],
  },
  {
    name: 'a vote in a known term needs no sync',
    file: 'wal-core/src/accepted-log.ts',
    find: '(hardState.term !== before.term || hardState.vote !== before.vote)',
    replace: 'hardState.term !== before.term',
    caughtBy: ['wal-core/test/conformance.test.ts', 'a save of every shape, alone'],
  },
  {
    name: 'a slab of which payloads were handed out is filled again',
    file: 'wal-core/src/ring-cache.ts',
    find: 'slab.live === 0 && !slab.shared &&',
    replace: 'slab.live === 0 &&',
    caughtBy: ['wal-core/test/ring-cache.test.ts', 'never fills memory again'],
  },
  {
    name: 'a marker does not raise the commit index',
    file: 'wal-core/src/accepted-log.ts',
    find: 'const commit = Math.max(next.commit, committed);',
    replace: 'const { commit } = next;',
    caughtBy: ['wal-core/test/conformance.test.ts', 'a save of every shape, alone'],
  },
  {
    name: 'what was refused stays accepted',
    file: 'wal-core/src/queued-wal.ts',
    find: `      this.#accepted = this.#acceptPublished();
      const type`,
    replace: '      const type',
    caughtBy: ['wal-core/test/conformance.test.ts', 'saves of every shape that found no space'],
  },
  {
    name: 'the bytes of a group are those of its last save',
    file: 'wal-core/src/queued-wal.ts',
    find: 'bytes += plan.bytes;',
    replace: 'bytes = plan.bytes;',
    caughtBy: ['wal-core/test/queued-wal.test.ts', '64 MiB pass through the queue'],
  },
  {
    name: 'a purge drops the page of positions that it ends in',
    file: 'wal-core/src/position-index.ts',
    find: 'Math.floor((index + 1 - first.origin) / pageEntries)',
    replace: 'Math.ceil((index + 1 - first.origin) / pageEntries)',
    caughtBy: ['wal-native/test/conformance.test.ts', '1025 entries, of which a part is replaced'],
  },
  {
    name: 'a truncation drops the page of positions that it ends in',
    file: 'wal-core/src/position-index.ts',
    find: 'Math.floor((run.lastIndex - run.origin) / pageEntries) + 1;',
    replace: 'Math.floor((run.lastIndex - run.origin) / pageEntries);',
    caughtBy: ['wal-core/test/position-index.test.ts', 'gives memory back when it is compacted'],
  },
  {
    name: 'the cache takes one entry more than it has room for',
    file: 'wal-core/src/ring-cache.ts',
    find: 'while (this.#count === entriesMax ||',
    replace: 'while (this.#count > entriesMax ||',
    caughtBy: ['wal-core/test/conformance.test.ts', '2049 entries, of which a part is replaced'],
  },
  {
    name: 'entries behind a reset are taken for a gap',
    file: 'wal-core/src/accepted-log.ts',
    find: 'const last = resets ? marker.index : index.lastIndex;',
    replace: 'const last = index.lastIndex;',
    caughtBy: ['wal-core/test/conformance.test.ts', 'a save of every shape, alone'],
  },
  {
    name: 'the last entry is replaced without a truncation',
    file: 'wal-core/src/accepted-log.ts',
    find: 'first.index <= last ?',
    replace: 'first.index < last ?',
    caughtBy: ['wal-core/test/conformance.test.ts', 'law 2: a conflict at every offset'],
  },
  {
    name: 'a marker that is saved again is kept twice',
    file: 'wal-core/src/log-state.ts',
    find: 'index < marker.index);',
    replace: 'index <= marker.index);',
    caughtBy: ['wal-core/test/conformance.test.ts', 'markers that cannot be are refused'],
  },
];
