/** Reading that has ended: a closed snapshot touches no file, and a slow source is waited for. */
import { turnOfEventLoop } from '@babuza/testkit';
import type { File, OpenMode } from '@babuza/vfs';
import { expect, it } from 'vitest';
import { MemoryFileSystem } from '../src/memory-file-system.ts';
import { checkedForm } from '../src/options.ts';
import { StoredSnapshotManager } from '../src/stored-snapshot-manager.ts';
import { untilAborted } from '../src/until-aborted.ts';
import { chunkBytes, fails, gate, joined, make } from './support.ts';

it('a closed snapshot opens no file', async () => {
  let openCount = 0;
  class CountingFileSystem extends MemoryFileSystem {
    override open(path: string, mode: OpenMode): Promise<File> {
      openCount += 1;
      return super.open(path, mode);
    }
  }
  const fileSystem = new CountingFileSystem();
  const environment = { durable: true, fileSystem, outside: undefined, directory: '/snap' };
  const manager = new StoredSnapshotManager(environment, checkedForm({ chunkBytes }));
  await manager.open(1n);
  const { metadata } = await make(manager, 10);
  const snapshot = await manager.read(metadata);
  await snapshot.close();
  openCount = 0;
  await fails('SNAPSHOT_CLOSED', joined(snapshot.readFile('state')));
  expect(openCount).toBe(0);
  await manager.close();
});

it('a reader that returns early waits until its source has ended', async () => {
  const { passed, open } = gate();
  async function* numbers(): AsyncGenerator<number, void> {
    try {
      yield 1;
      yield 2;
    } finally {
      await passed;
    }
  }
  const reading = untilAborted(numbers(), new AbortController().signal);
  await reading.next();
  let isReturned = false;
  const returning = reading.return().then(() => (isReturned = true));
  await turnOfEventLoop();
  expect(isReturned).toBe(false);
  open();
  await returning;
});
