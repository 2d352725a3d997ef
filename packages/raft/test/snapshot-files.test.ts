/** The files of a snapshot, and a state machine that makes mistakes while it writes them. */
import { describe, expect, it } from 'vitest';
import type { SnapshotWriter } from '../src/index.ts';
import { writeSnapshotFiles } from '../src/snapshots/snapshot-files.ts';
import { bytesOf } from './support.ts';

/**
 * Writes a snapshot whose state machine saves like this; returns the files whose end was awaited.
 */
async function write(
  save: (writer: SnapshotWriter) => Promise<void>,
): Promise<{ error: unknown; ended: string[] }> {
  const ended: string[] = [];
  const writing: Promise<void>[] = [];
  const readAll = async (
    name: string,
    chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<void> => {
    try {
      for await (const chunk of chunks) expect(chunk).toBeInstanceOf(Uint8Array);
    } finally {
      ended.push(name);
    }
  };
  const files = {
    writeFile: (...given: Parameters<typeof readAll>) => {
      const written = readAll(...given);
      writing.push(written);
      return written;
    },
    linkFile: () => Promise.resolve(),
  };
  const error: unknown = await writeSnapshotFiles(files, bytesOf('node'), save).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  await Promise.race([
    Promise.allSettled(writing),
    new Promise((resolve) => {
      setTimeout(resolve, 200);
    }),
  ]);
  return { error, ended };
}

describe('the main file ends', () => {
  it('when the state machine rejects', async () => {
    const failure = new Error('it cannot');
    const { error, ended } = await write(() => Promise.reject(failure));
    expect([error, ended]).toEqual([failure, ['node.json', 'state']]);
  });

  it('when the state machine throws instead', async () => {
    const failure = new Error('it cannot');
    const { error, ended } = await write(() => {
      throw failure;
    });
    expect([error, ended]).toEqual([failure, ['node.json', 'state']]);
  });
});

describe('a state machine that does not wait for its writes', () => {
  it.each([
    ['several at once', async (writer: SnapshotWriter) => void [1, 2, 3].map(() => one(writer))],
    [
      'several, whose failures it ignores',
      async (writer: SnapshotWriter) =>
        [1, 2].forEach(() => void one(writer).catch(() => undefined)),
    ],
  ])('has no snapshot, as some of it would be missing: %s', async (_, save) => {
    const unhandled: unknown[] = [];
    const onUnhandled = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', onUnhandled);
    const { error, ended } = await write(save);
    process.off('unhandledRejection', onUnhandled);
    expect(error).toBeInstanceOf(TypeError);
    expect([ended, unhandled]).toEqual([['node.json', 'state'], []]);
  });

  it('has one when only the last is not waited for', async () => {
    const { error } = await write(async (writer) => {
      await one(writer);
      void one(writer);
    });
    expect(error).toBeUndefined();
  });
});

const one = (writer: SnapshotWriter): Promise<void> => writer.write(bytesOf('a'));
