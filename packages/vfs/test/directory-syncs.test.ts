/**
 * After a failed sync of a directory, earlier changes of names never count as durable, even if
 * syncs overlap.
 */
import { expect, it } from 'vitest';
import { DirectorySyncs } from '../src/directory-syncs.ts';
import { FileError, type FileOperation } from '../src/index.ts';

/** Syncs that the test completes one by one, in the order in which they began. */
function world() {
  const begun: { path: string; end: (error?: unknown) => void }[] = [];
  const syncs = new DirectorySyncs(
    (path) =>
      new Promise<void>((resolve, reject) => {
        begun.push({
          path,
          end: (error) => (error === undefined ? resolve() : reject(error)),
        });
      }),
  );
  const end = async (error?: unknown): Promise<void> => {
    begun.shift()?.end(error);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { syncs, begun, end };
}

const failure = (operation: FileOperation): FileError => new FileError('io', operation, '/wal');

it('fails each later sync of work that began before the failure', async () => {
  const { syncs, begun, end } = world();
  const failed = failure('sync-directory');
  const first = expect(syncs.run('/wal', 0)).rejects.toBe(failed);
  await end(failed);
  await first;
  await expect(syncs.run('/wal', 0)).rejects.toBe(failed);
  await expect(syncs.run('/wal', 0)).rejects.toBe(failed);
  expect(begun).toEqual([]);
  const later = syncs.run('/wal', syncs.failureCount);
  await end();
  await later;
  await expect(syncs.run('/wal', 0)).rejects.toBe(failed);
});

it('runs the syncs of a directory one after the other, so that none succeeds after a failure', async () => {
  const { syncs, begun, end } = world();
  const failed = failure('sync-directory');
  const outcomes = Promise.allSettled(['/wal', '/wal', '/wal'].map((path) => syncs.run(path, 0)));
  expect(begun.length).toBe(1);
  await end();
  expect(begun.length).toBe(1);
  await end(failed);
  expect(begun).toEqual([]);
  expect((await outcomes).map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    'rejected',
  ]);
});

it('syncs other directories at the same time, even if the first sync failed', async () => {
  const { syncs, begun, end } = world();
  const first = expect(syncs.run('/wal', 0)).rejects.toThrow();
  const second = syncs.run('/snap', 0);
  expect(begun.map(({ path }) => path)).toEqual(['/wal', '/snap']);
  await end(failure('sync-directory'));
  await end();
  await first;
  await second;
  const third = syncs.run('/snap', 0);
  await end();
  await third;
});

it('can be repeated if the directory could not be opened, because nothing was lost', async () => {
  const { syncs, end } = world();
  const first = expect(syncs.run('/wal', 0)).rejects.toThrow();
  const second = syncs.run('/wal', 0);
  await end(failure('open-directory'));
  await first;
  await end();
  await second;
});
