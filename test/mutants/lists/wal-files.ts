import type { Mutant } from '../mutant.ts';

const interleavings = 'wal-native/test/interleavings.test.ts';

export const walFiles: readonly Mutant[] = [
  // Errors that need two things at once: calls that overlap, and a crash or a failure beside them.
  {
    name: 'the zeros of a prepared file are not made durable',
    file: 'wal-files/src/spare-files.ts',
    find: `      await file.datasync();
      await pace.pause();`,
    replace: `      await pace.pause();`,
    caughtBy: [interleavings, 'a save that begins a segment and the close'],
  },
  {
    name: 'identity records of two callers are written at the same time',
    file: 'wal-files/src/identity-records.ts',
    find: `    const result = (this.#turns.get(groupId) ?? Promise.resolve()).then(work);`,
    replace: `    const result = Promise.resolve().then(work);`,
    caughtBy: [interleavings, 'identity records of two callers and a save'],
  },
  {
    name: 'the close does not wait for an identity record that is being written',
    file: 'wal-files/src/file-wal-manager.ts',
    find: `    await this.#identities.settled();`,
    replace: ``,
    caughtBy: [interleavings, 'an identity record and the close'],
  },
  {
    name: 'the lock is given back while the logs are being closed',
    file: 'wal-files/src/file-wal-manager.ts',
    find: `    const results = await Promise.allSettled(slots.map(async ({ wal }) => wal?.close()));`,
    replace: `    void Promise.allSettled(slots.map(async ({ wal }) => wal?.close()));
    const results: PromiseSettledResult<void>[] = [];`,
    caughtBy: [interleavings, 'a save that begins a segment and the close'],
  },
  {
    name: 'the file of a preparation that is not needed any more is left open',
    file: 'wal-files/src/spare-files.ts',
    find: `    if (preparation !== undefined) await discard(this.#environment, preparation);
  }`,
    replace: `    preparation?.stop();
  }`,
    caughtBy: [interleavings, 'the mark of an idle log and the close'],
  },
];
