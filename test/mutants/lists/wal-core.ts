import type { Mutant } from '../mutant.ts';

const interleavings = 'wal-native/test/interleavings.test.ts';
const queue = 'wal-core/test/queued-wal.test.ts';
const etcdInterleavings = 'wal-etcd/test/interleavings.test.ts';

export const walCore: readonly Mutant[] = [
  // Errors in single lines of each source file, with the histories that show them.
  {
    name: 'the marker is not copied',
    file: 'wal-core/src/accepted-log.ts',
    find: 'return copyMarker(marker);',
    replace: 'return marker;',
    caughtBy: ['wal-core/test/callers-arrays.test.ts', 'keeps the members of a snapshot'],
  },
  {
    name: 'the array of entries is not copied',
    file: 'wal-core/src/accepted-log.ts',
    find: 'return [...entries];',
    replace: 'return entries;',
    caughtBy: ['wal-core/test/callers-arrays.test.ts', 'keeps the entries that were accepted'],
  },
  {
    name: 'the entry at the commit index may be replaced',
    file: 'wal-core/src/accepted-log.ts',
    find: 'if (first.index <= log.committed) {',
    replace: 'if (first.index < log.committed) {',
    caughtBy: [
      'wal-core/test/accepted-log.test.ts',
      'does not change the accepted log, nor its markers',
    ],
  },
  {
    name: 'the term of an installed snapshot is not compared with the entry behind it',
    file: 'wal-core/src/accepted-log.ts',
    find: 'log.marker?.index === first.index - 1\n        ? log.marker.term\n        : this',
    replace: 'this',
    caughtBy: [
      'wal-core/test/accepted-log.test.ts',
      'whose terms are checked against the snapshot of the same batch',
    ],
  },
  {
    name: 'a vote alone is not worth a sync',
    file: 'wal-core/src/accepted-log.ts',
    find: '(hardState.term !== before.term || hardState.vote !== before.vote)),',
    replace: 'hardState.term !== before.term),',
    caughtBy: [
      'wal-core/test/accepted-log.test.ts',
      'that is durable exactly when term, vote, entries or a marker change',
    ],
    promise: 'power cut',
  },
  {
    name: 'a purge does not take the hard state along',
    file: 'wal-core/src/accepted-log.ts',
    find: 'return { ...emptyPlan, hardState, purgeTo',
    replace: 'return { ...emptyPlan, purgeTo',
    caughtBy: ['wal-core/test/accepted-log.test.ts', 'a purge carries the hard state'],
    promise: 'purge',
  },
  {
    name: 'discarding does not spare the snapshot',
    file: 'wal-core/src/accepted-log.ts',
    find: 'const from = Math.max(hardState.commit, snapshotIndex, baseIndex) + 1;',
    replace: 'const from = Math.max(hardState.commit, baseIndex) + 1;',
    caughtBy: [
      'wal-core/test/accepted-log.test.ts',
      'a discard never drops entries at or below the snapshot',
    ],
  },
  {
    name: 'the commit index may lie above entries that the batch truncates',
    file: 'wal-core/src/accepted-log.ts',
    find: '    const lastAfter = entries.at(-1)?.index ?? last;',
    replace: '    const lastAfter = Math.max(entries.at(-1)?.index ?? last, last);',
    caughtBy: [
      'wal-core/test/accepted-log.test.ts',
      'does not change the accepted log, nor its markers',
    ],
  },
  {
    name: 'the lock is not asked before a write',
    file: 'wal-core/src/queued-wal.ts',
    find: 'if (lock?.isFresh() === false) await lock.confirm();\n        if (this.#poison',
    replace: 'if (this.#poison',
    caughtBy: [
      'wal-core/test/commit-batches-and-locks.test.ts',
      'keeps a commit batch from being written if it is lost',
    ],
    promise: 'lost lock',
  },
  {
    name: 'the lock is not asked before an acknowledgement',
    file: 'wal-core/src/queued-wal.ts',
    find: 'if (lock?.isFresh() === false) await lock.confirm();\n        this.#batches',
    replace: 'this.#batches',
    caughtBy: [
      'wal-core/test/commit-batches-and-locks.test.ts',
      'keeps a commit batch from being acknowledged',
    ],
    promise: 'lost lock',
  },
  {
    name: 'saves behind a refused group never settle',
    file: 'wal-core/src/queued-wal.ts',
    find: 'for (const { reject } of behind) reject(error);',
    replace: 'if (!isRefused) for (const { reject } of behind) reject(error);',
    caughtBy: ['wal-core/test/queued-wal.test.ts', 'rejects all queued saves'],
  },
  {
    name: 'the last save of a group decides alone whether the group is durable',
    file: 'wal-core/src/queued-wal.ts',
    find: 'const durable = plans.some((plan) => plan.durable);',
    replace: 'const durable = plans.at(-1)?.durable ?? false;',
    caughtBy: [
      'wal-core/test/commit-batches-and-locks.test.ts',
      'is durable when the save at position 0 of three must be',
    ],
    promise: 'power cut',
  },
  {
    name: 'a close does not wait for a release',
    file: 'wal-core/src/queued-wal.ts',
    find: '    await this.#releasing;\n    await this.#confirmBeforeClosing',
    replace: '    await this.#confirmBeforeClosing',
    caughtBy: ['wal-core/test/queued-wal.test.ts', 'waits for queued saves and for running purges'],
    promise: 'lost lock',
  },
  {
    name: 'two releases run at once',
    file: 'wal-core/src/queued-wal.ts',
    find: 'const releasing = this.#releasing.then(() => store.releasePurged());',
    replace: 'const releasing = store.releasePurged();',
    caughtBy: ['wal-core/test/queued-wal.test.ts', 'free space one after the other'],
    promise: 'purge',
  },
  {
    name: 'a failed release stops all later ones',
    file: 'wal-core/src/queued-wal.ts',
    find: 'this.#releasing = releasing.catch(() => undefined);',
    replace: 'this.#releasing = releasing;',
    caughtBy: [
      'wal-core/test/commit-batches-and-locks.test.ts',
      'fails alone: the next purge and the close succeed',
    ],
  },
  {
    name: 'a close does not ask for the lock',
    file: 'wal-core/src/queued-wal.ts',
    find: 'if (this.#poison !== undefined || lock === undefined || lock.isFresh()) return;',
    replace: 'return;',
    caughtBy: [
      'wal-core/test/commit-batches-and-locks.test.ts',
      'keeps a close from writing if it is lost',
    ],
    promise: 'lost lock',
  },
  {
    name: 'entries that replace hidden ones stay hidden',
    file: 'wal-core/src/entry-storage.ts',
    find: 'this.#hiddenTo = Math.min(this.#hiddenTo, plan.truncateFrom - 1);',
    replace: '',
    caughtBy: [
      'wal-core/test/entry-storage.test.ts',
      'no longer hides entries that replace hidden ones',
    ],
  },
  {
    name: 'the rest of a read ignores what was read',
    file: 'wal-core/src/entry-storage.ts',
    find: 'const page = this.#reader.read(next, end, maxBytes - bytes);',
    replace: 'const page = this.#reader.read(next, end, maxBytes);',
    caughtBy: [
      'wal-core/test/entry-storage.test.ts',
      'asks a reader for no more bytes than are left',
    ],
  },
  {
    name: 'hidden entries can be read',
    file: 'wal-core/src/entry-storage.ts',
    find: 'if (lo < firstIndex) throw new CompactedError(lo, firstIndex);',
    replace: 'if (lo < view.state.index.firstIndex) throw new CompactedError(lo, firstIndex);',
    caughtBy: ['wal-core/test/entry-storage.test.ts', 'hides entries and changes nothing else'],
  },
  {
    name: 'an entry too large for the cache leaves a gap',
    file: 'wal-core/src/ring-cache.ts',
    find: '      this.#restartAt(entry.index + 1);\n      return;',
    replace: '      return;',
    caughtBy: ['wal-core/test/ring-cache.test.ts', 'keeps no entry larger than its bound'],
  },
  {
    name: 'large payloads are not copied',
    file: 'wal-core/src/ring-cache.ts',
    find: 'slot.slab = { bytes: new Uint8Array(data), used',
    replace: 'slot.slab = { bytes: data, used',
    caughtBy: ['wal-core/test/ring-cache.test.ts', 'copies payloads, those of buffers too'],
  },
  {
    name: 'a compaction drops pages and not their entries',
    file: 'wal-core/src/position-index.ts',
    find: '    first.pages.splice(0, pages);\n    first.origin += pages * pageEntries;',
    replace: '    first.pages.splice(0, pages);',
    caughtBy: ['wal-core/test/position-index.test.ts', 'frees memory when it is compacted'],
  },
  {
    name: 'a snapshot is chosen by its index alone',
    file: 'wal-core/src/options.ts',
    find: 'valid.find(({ index, term }) => index === wanted.index && term === wanted.term);',
    replace: 'valid.find(({ index }) => index === wanted.index);',
    caughtBy: ['wal-core/test/chosen-snapshot.test.ts', 'is never one of another term'],
    promise: 'identity',
  },
  // Sizes and shapes of saves.
  {
    name: 'only the last save of a group is asked whether the group needs a sync',
    file: 'wal-core/src/queued-wal.ts',
    find: 'plans.some((plan) => plan.durable)',
    replace: 'plans.at(-1)?.durable === true',
    caughtBy: [
      'wal-core/test/conformance.test.ts',
      'a save of every shape, first, before saves without a sync',
    ],
    promise: 'power cut',
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
    promise: 'power cut',
  },
  {
    name: 'a vote in a known term needs no sync',
    file: 'wal-core/src/accepted-log.ts',
    find: '(hardState.term !== before.term || hardState.vote !== before.vote)',
    replace: 'hardState.term !== before.term',
    caughtBy: ['wal-core/test/conformance.test.ts', 'a save of every shape, alone'],
    promise: 'power cut',
  },
  {
    name: 'a slab of which payloads were handed out is filled again',
    file: 'wal-core/src/ring-cache.ts',
    find: 'slab.live === 0 && !slab.shared &&',
    replace: 'slab.live === 0 &&',
    caughtBy: ['wal-core/test/ring-cache.test.ts', 'never reuses memory'],
  },
  {
    name: 'a marker does not raise the commit index',
    file: 'wal-core/src/accepted-log.ts',
    find: 'const commit = Math.max(next.commit, committed);',
    replace: 'const { commit } = next;',
    caughtBy: ['wal-core/test/conformance.test.ts', 'a save of every shape, alone'],
  },
  {
    name: 'a save that was refused stays accepted',
    file: 'wal-core/src/queued-wal.ts',
    find: `      this.#accepted = this.#acceptPublished();
      const type`,
    replace: '      const type',
    caughtBy: [
      'wal-core/test/conformance.test.ts',
      'saves of every shape that fail on a full disk',
    ],
    promise: 'full disk',
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
    caughtBy: ['wal-native/test/conformance.test.ts', '1025 entries, some of which are replaced'],
  },
  {
    name: 'a truncation drops the page of positions that it ends in',
    file: 'wal-core/src/position-index.ts',
    find: 'Math.floor((run.lastIndex - run.origin) / pageEntries) + 1;',
    replace: 'Math.floor((run.lastIndex - run.origin) / pageEntries);',
    caughtBy: ['wal-core/test/position-index.test.ts', 'frees memory when it is compacted'],
  },
  {
    name: 'the cache takes one entry more than it has room for',
    file: 'wal-core/src/ring-cache.ts',
    find: 'while (this.#count === entriesMax ||',
    replace: 'while (this.#count > entriesMax ||',
    caughtBy: ['wal-core/test/conformance.test.ts', '2049 entries, some of which are replaced'],
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
    caughtBy: ['wal-core/test/conformance.test.ts', 'entries can be replaced from every index on'],
  },
  {
    name: 'a marker that is saved again is kept twice',
    file: 'wal-core/src/log-state.ts',
    find: 'index < marker.index);',
    replace: 'index <= marker.index);',
    caughtBy: ['wal-core/test/log-state.test.ts', 'replaces an earlier one of the same index'],
  },
  // Errors that need two things at once: calls that overlap, and a crash or a failure beside them.
  {
    name: 'a group of saves is acknowledged when it is handed to the back end',
    file: 'wal-core/src/queued-wal.ts',
    find: `        if (writing !== undefined) await writing;`,
    replace: `        if (writing !== undefined) void writing.catch(() => undefined);`,
    caughtBy: [interleavings, 'saves of two callers and a sync'],
    promise: 'killed process',
  },
  {
    name: 'the close does not wait for saves that are queued',
    file: 'wal-core/src/queued-wal.ts',
    find: `    await this.#run;
    await this.#releasing;`,
    replace: `    await this.#releasing;`,
    caughtBy: [interleavings, 'a save that begins a segment and the close'],
    promise: 'lost lock',
  },
  {
    name: 'the close does not wait for a purge that gives segments back',
    file: 'wal-core/src/queued-wal.ts',
    find: `    await this.#run;
    await this.#releasing;`,
    replace: `    await this.#run;`,
    caughtBy: [interleavings, 'a purge up to the end of a segment and the close'],
    promise: 'lost lock',
  },
  {
    name: 'two purges give segments back at the same time',
    file: 'wal-core/src/queued-wal.ts',
    find: `this.#releasing.then(() => store.releasePurged())`,
    replace: `store.releasePurged()`,
    caughtBy: [etcdInterleavings, 'two purges of one segment each'],
    promise: 'purge',
  },
  {
    name: 'a sync does not wait for the saves before it',
    file: 'wal-core/src/queued-wal.ts',
    find: `    return this.#submit(sync);`,
    replace: `    return Promise.resolve(this.#parts.store.commit([sync()], true));`,
    caughtBy: [interleavings, 'saves of two callers and a sync'],
    promise: 'power cut',
  },
  {
    name: 'saves that are queued behind a refused group are written after all',
    file: 'wal-core/src/queued-wal.ts',
    find: `    const behind = this.#queue;
    this.#queue = [];
    if (isRefused) {`,
    replace: `    const behind: PendingSave[] = [];
    if (isRefused) {`,
    caughtBy: [queue, 'rejects all queued saves'],
    promise: 'full disk',
  },
];
