import type { Mutant } from '../mutant.ts';

const interleavings = 'wal-native/test/interleavings.test.ts';
const queue = 'wal-core/test/queued-wal.test.ts';
const etcdInterleavings = 'wal-etcd/test/interleavings.test.ts';

export const walCore: readonly Mutant[] = [
  // Errors that need two things at once: calls that overlap, and a crash or a failure beside them.
  {
    name: 'a group of saves is acknowledged when it is handed to the back end',
    file: 'wal-core/src/queued-wal.ts',
    find: `        if (writing !== undefined) await writing;`,
    replace: `        if (writing !== undefined) void writing.catch(() => undefined);`,
    caughtBy: [interleavings, 'saves of two callers and a sync'],
  },
  {
    name: 'whether a group is synced is decided by its last plan',
    file: 'wal-core/src/queued-wal.ts',
    find: `plans.some((plan) => plan.durable)`,
    replace: `plans.at(-1)?.durable === true`,
    caughtBy: [interleavings, 'the last of which is not synced by itself'],
  },
  {
    name: 'the close does not wait for saves that are queued',
    file: 'wal-core/src/queued-wal.ts',
    find: `    await this.#run;
    await this.#releasing;`,
    replace: `    await this.#releasing;`,
    caughtBy: [interleavings, 'a save that begins a segment and the close'],
  },
  {
    name: 'the close does not wait for a purge that gives segments back',
    file: 'wal-core/src/queued-wal.ts',
    find: `    await this.#run;
    await this.#releasing;`,
    replace: `    await this.#run;`,
    caughtBy: [interleavings, 'a purge up to the end of a segment and the close'],
  },
  {
    name: 'two purges give segments back at the same time',
    file: 'wal-core/src/queued-wal.ts',
    find: `this.#releasing.then(() => store.releasePurged())`,
    replace: `store.releasePurged()`,
    caughtBy: [etcdInterleavings, 'two purges of one segment each'],
  },
  {
    name: 'a sync does not wait for the saves before it',
    file: 'wal-core/src/queued-wal.ts',
    find: `    return this.#submit(sync);`,
    replace: `    return Promise.resolve(this.#parts.store.commit([sync()], true));`,
    caughtBy: [interleavings, 'saves of two callers and a sync'],
  },
  {
    name: 'saves that are queued behind a refused group are written after all',
    file: 'wal-core/src/queued-wal.ts',
    find: `    const behind = this.#queue;
    this.#queue = [];
    if (isRefused) {`,
    replace: `    const behind: PendingSave[] = [];
    if (isRefused) {`,
    caughtBy: [queue, 'rejects the group and all behind it'],
  },
  {
    name: 'after a refusal the next save is checked against what was refused',
    file: 'wal-core/src/queued-wal.ts',
    find: `      this.#accepted = this.#acceptPublished();
      const type`,
    replace: `      const type`,
    caughtBy: [queue, 'rejects the group and all behind it'],
  },
];
