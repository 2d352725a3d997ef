/** Reopening a log: reports, uncommitted entries, and the state after a failure. */
import { emptyConfState } from '@babuza/raftpb';
import { FileError } from '@babuza/vfs';
import { describe, expect, it } from 'vitest';
import { simulatedEnvironment, turnOfEventLoop, type SimulatedEnvironment } from '@babuza/testkit';
import type { TailReport } from '@babuza/wal-core';
import {
  directory,
  fakeManager,
  segmentPath,
  type FakeLogFiles,
  type Step,
} from './support/fake-log-files.ts';

interface World {
  readonly environment: SimulatedEnvironment;
  readonly manager: ReturnType<typeof fakeManager>['manager'];
  readonly files: FakeLogFiles;
}

/** A log of five entries; three of them are committed. */
async function worldWithLog(): Promise<World> {
  const environment = simulatedEnvironment(1);
  await environment.fileSystem.makeDirectory(directory);
  environment.fileSystem.surgery.put(segmentPath, new Uint8Array(0));
  const { manager, files } = fakeManager(environment);
  Object.assign(files, { entries: 5, commit: 3 });
  return { environment, manager, files };
}

const marker = (
  index: number,
): { index: number; term: number; confState: typeof emptyConfState } => ({
  index,
  term: 1,
  confState: emptyConfState,
});

describe('opening a log again', () => {
  it('reports what was repaired and what was found after the last batch', async () => {
    const { manager, files } = await worldWithLog();
    const tail: TailReport = { verdict: 'torn', bytesDropped: 7, file: segmentPath, offset: 9 };
    const repaired = { file: segmentPath, what: 'one of two headers' };
    Object.assign(files, { tail, repaired: [repaired] });
    const events: unknown[] = [];
    manager.events.subscribe((event) => events.push(event));
    const opened = await manager.replayWal();
    expect(opened.tail).toEqual(tail);
    expect(opened.storage.lastIndex()).toBe(5);
    expect(opened.hardState.commit).toBe(3);
    expect(events).toEqual([
      { type: 'repaired', groupId: 0n, ...repaired },
      { type: 'recovered', groupId: 0n, tail },
    ]);
    expect(files.committed).toEqual([]);
    await manager.close();
  });

  it('starts from the requested snapshot', async () => {
    const { manager, files } = await worldWithLog();
    files.markers = [marker(1), marker(2)];
    const newest = await manager.replayWal();
    expect(newest.storage.snapshot().metadata.index).toBe(2);
    await newest.wal.close();
    const older = await manager.replayWal({ snapshot: marker(1) });
    expect(older.storage.snapshot().metadata.index).toBe(1);
    expect(older.snapshots).toEqual([marker(1), marker(2)]);
    await manager.close();
  });

  it('drops the entries above the commit index on request', async () => {
    const { manager, files } = await worldWithLog();
    const { storage } = await manager.replayWal({ discardUncommitted: true });
    expect(storage.lastIndex()).toBe(3);
    expect(files.committed).toMatchObject([{ truncateFrom: 4, durable: true }]);
    await manager.close();
  });

  it('drops everything if nothing is committed', async () => {
    const { manager, files } = await worldWithLog();
    files.commit = 0;
    const { storage } = await manager.replayWal({ discardUncommitted: true });
    expect(storage.lastIndex()).toBe(0);
    await manager.close();
  });
});

describe('a log that cannot be opened', () => {
  const io = new FileError('io', 'read', segmentPath);
  const short = new FileError('too-many-open', 'open', segmentPath);
  const denied = new FileError('permission', 'open', segmentPath, { errno: 'EACCES' });

  it.each<[Step, FileError, string, readonly Step[]]>([
    ['find', io, 'WAL_READ_FAILED', ['find']],
    ['find', short, 'WAL_TRY_AGAIN', ['find']],
    ['recover', io, 'WAL_POISONED', ['find', 'recover', 'abandon']],
    ['recover', short, 'WAL_TRY_AGAIN', ['find', 'recover', 'abandon']],
    ['recover', denied, 'WAL_PERMISSION', ['find', 'recover', 'abandon']],
  ])(
    'because %s failed with %s says %s, and leaves no file open',
    async (at, error, code, steps) => {
      const { environment, manager, files } = await worldWithLog();
      files.atStep = (step) => {
        if (step === at) throw error;
      };
      await expect(manager.replayWal()).rejects.toMatchObject({ code });
      expect(environment.fileSystem.openPaths).toEqual([]);
      expect(files.steps).toEqual(steps);
      files.atStep = () => {};
      await manager.replayWal();
      await manager.close();
    },
  );

  it.each([
    [{ expect: { clusterId: 9n } }, 'WAL_METADATA_MISMATCH'],
    [{ snapshot: { index: 2, term: 1 } }, 'WAL_NOT_FOUND'],
  ])('because it is not the expected one (%o) leaves no file open', async (options, code) => {
    const { environment, manager, files } = await worldWithLog();
    await expect(manager.replayWal(options)).rejects.toMatchObject({ code });
    expect(environment.fileSystem.openPaths).toEqual([]);
    expect(files.steps).toEqual(['find', 'abandon']);
    await manager.replayWal();
    await manager.close();
  });

  it('because uncommitted entries cannot be dropped is closed before it can be opened again', async () => {
    const { environment, manager, files } = await worldWithLog();
    const refused: unknown[] = [];
    files.atStep = async (step) => {
      if (step === 'commit') throw short;
      if (step !== 'close store' && step !== 'abandon') return;
      await turnOfEventLoop();
      refused.push(
        await manager.replayWal().catch((error: unknown) => Reflect.get(Object(error), 'code')),
      );
      if (step === 'close store') throw new Error('it does not close either');
    };
    await expect(manager.replayWal({ discardUncommitted: true })).rejects.toMatchObject({
      code: 'WAL_TRY_AGAIN',
    });
    expect(refused).toEqual(['WAL_LOCKED', 'WAL_LOCKED']);
    expect(files.steps).toEqual([
      'find',
      'recover',
      'commit',
      'close store',
      'store closed',
      'abandon',
    ]);
    expect(environment.fileSystem.openPaths).toEqual([]);
    files.atStep = () => {};
    await manager.replayWal();
    await manager.close();
  });
});
