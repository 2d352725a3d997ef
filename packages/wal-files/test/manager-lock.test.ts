/**
 * The ownership of the directory of a manager: its lock, a former owner, a lost lock, and the
 * close.
 */
import { describe, expect, it } from 'vitest';
import { simulatedEnvironment, turnOfEventLoop, type SimulatedEnvironment } from '@babuza/testkit';
import { identityFileName } from '../src/index.ts';
import {
  directory,
  fakeManager,
  metadata,
  pauseAt,
  segmentPath,
} from './support/fake-log-files.ts';

const io = { type: 'error', kind: 'io' } as const;
const vote = { hardState: { term: 2, vote: 1n, commit: 0 } };

async function worldWithDirectory(): Promise<SimulatedEnvironment> {
  const environment = simulatedEnvironment(1);
  await environment.fileSystem.makeDirectory(directory);
  return environment;
}

/** An environment in which a log was created and its manager closed. */
async function worldWithLog(): Promise<SimulatedEnvironment> {
  const environment = await worldWithDirectory();
  const { manager } = fakeManager(environment);
  await manager.createWal(metadata);
  await manager.close();
  return environment;
}

const operationsOf = ({ fileSystem }: SimulatedEnvironment): readonly string[] =>
  fileSystem.calls.map(({ operation }) => operation);

describe('the lock of a directory', () => {
  it('is held from takeLock until the manager is closed', async () => {
    const environment = await worldWithDirectory();
    const { manager } = fakeManager(environment);
    await manager.takeLock();
    const { manager: other } = fakeManager(environment);
    await expect(other.takeLock()).rejects.toMatchObject({ code: 'WAL_LOCKED' });
    await expect(other.createWal(metadata)).rejects.toMatchObject({ code: 'WAL_LOCKED' });
    await manager.close();
    // A lock that could not be taken is tried again.
    await other.takeLock();
    await other.createWal(metadata);
    await other.close();
  });

  it.each(['nothing', 'a file'])(
    'is not taken if there is %s with the name of the directory',
    async (what) => {
      const environment = simulatedEnvironment(1);
      const { fileSystem } = environment;
      await fileSystem.makeDirectory('/node');
      if (what === 'a file') fileSystem.surgery.put(directory, new Uint8Array(1));
      const { manager } = fakeManager(environment);
      const before = fileSystem.mutationCount;
      await manager.takeLock();
      expect(operationsOf(environment)).not.toContain('lock');
      expect(fileSystem.mutationCount).toBe(before);
      await manager.close();
    },
  );

  it.each([
    ['stat', 'WAL_READ_FAILED'],
    ['lock', 'WAL_READ_FAILED'],
  ] as const)('is reported as not taken if %s fails', async (on, code) => {
    const environment = await worldWithDirectory();
    environment.fileSystem.inject({ on, path: directory, fault: io });
    const { manager } = fakeManager(environment);
    await expect(manager.takeLock()).rejects.toMatchObject({ code });
    await manager.takeLock();
    await manager.close();
  });

  it('is not taken by a manager that was closed in the meantime', async () => {
    const environment = await worldWithDirectory();
    const { fileSystem } = environment;
    const { manager } = fakeManager(environment);
    fileSystem.hold();
    const taking = manager.takeLock().catch((error: unknown) => error);
    await manager.close();
    for (let turn = 0; turn < 3; turn += 1) {
      for (const call of fileSystem.heldCalls.slice()) fileSystem.letGo(call);
      await turnOfEventLoop();
    }
    expect(await taking).toMatchObject({ code: 'WAL_CLOSED' });
    expect(operationsOf(environment)).not.toContain('lock');
  });

  it('is released if the manager is closed while it is taken', async () => {
    const environment = await worldWithDirectory();
    const { manager } = fakeManager(environment);
    const taking = manager.takeLock();
    while (!operationsOf(environment).includes('lock')) await Promise.resolve();
    await manager.close();
    await taking;
    expect(operationsOf(environment).at(-1)).toBe('unlock');
  });

  it('is released even if a log does not close, and the failure is reported', async () => {
    const environment = await worldWithDirectory();
    const { manager, files } = fakeManager(environment);
    await manager.createWal(metadata);
    await manager.createWal(metadata, { groupId: 2n });
    let closed = 0;
    files.atStep = (step) => {
      if (step !== 'close store') return;
      closed += 1;
      if (closed === 1) throw new Error('it does not close');
    };
    await expect(manager.close()).rejects.toThrow('it does not close');
    expect(closed).toBe(2);
    await fakeManager(environment).manager.takeLock();
  });

  it('makes the close of the manager fail if it cannot be released', async () => {
    const environment = await worldWithDirectory();
    const { manager } = fakeManager(environment);
    await manager.takeLock();
    environment.fileSystem.inject({ on: 'unlock', fault: io });
    await expect(manager.close()).rejects.toMatchObject({ code: 'WAL_POISONED' });
  });
});

describe('a former owner without a heartbeat', () => {
  it('cannot write to the log any more once it is opened', async () => {
    const environment = await worldWithLog();
    const { fileSystem } = environment;
    await fakeManager(environment).manager.takeLock();
    const late = await fileSystem.open(segmentPath, 'write');
    fileSystem.takeLockAway(directory);
    const { manager, files } = fakeManager(environment);
    let callsBefore: readonly string[] = [];
    files.atStep = (step) => {
      if (step === 'find') callsBefore = operationsOf(environment);
    };
    await manager.replayWal();
    // The copies are durable before the log is read.
    expect(callsBefore.lastIndexOf('sync-directory')).toBeGreaterThan(
      callsBefore.indexOf('rename'),
    );
    await late.write(new Uint8Array(10).fill(0xee), 0);
    expect(fileSystem.surgery.contents(segmentPath)).toEqual(new Uint8Array(0));
    await manager.close();
  });

  it('prevents the opening of a log until its segments can be copied', async () => {
    const environment = await worldWithLog();
    const { fileSystem } = environment;
    await fakeManager(environment).manager.takeLock();
    fileSystem.takeLockAway(directory);
    fileSystem.inject({ on: 'rename', fault: io });
    const { manager, files } = fakeManager(environment);
    await expect(manager.replayWal()).rejects.toMatchObject({ code: 'WAL_POISONED' });
    expect(files.steps).toEqual([]);
    await manager.replayWal();
    expect(files.steps).toEqual(['find', 'recover']);
    await manager.close();
  });

  it('does not matter if the lock was released', async () => {
    const environment = await worldWithLog();
    const { manager } = fakeManager(environment);
    await manager.replayWal();
    expect(operationsOf(environment)).not.toContain('rename');
    await manager.close();
  });
});

describe('a lock that is lost', () => {
  it('poisons all logs that are open at once, and no other log is opened', async () => {
    const environment = await worldWithDirectory();
    const { manager } = fakeManager(environment);
    const logs = [
      await manager.createWal(metadata),
      await manager.createWal(metadata, { groupId: 2n }),
    ];
    const poisoned: unknown[] = [];
    manager.events.subscribe((event) => {
      if (event.type === 'poisoned') poisoned.push(event.groupId);
    });
    environment.fileSystem.takeLockAway(directory).noticeLoss();
    expect(poisoned).toEqual([0n, 2n]);
    const code = 'WAL_LOCK_LOST';
    for (const { wal } of logs) await expect(wal.save(vote)).rejects.toMatchObject({ code });
    const bytes = new Uint8Array(1);
    await expect(manager.writeIdentity(bytes)).rejects.toMatchObject({ code });
    await expect(manager.createWal(metadata, { groupId: 3n })).rejects.toMatchObject({ code });
    await expect(manager.takeLock()).rejects.toMatchObject({ code });
    expect(environment.fileSystem.surgery.files().filter((file) => file.includes('3'))).toEqual([]);
    await expect(manager.close()).rejects.toMatchObject({ code });
  });

  it('poisons a log that is being opened at that moment', async () => {
    const environment = await worldWithDirectory();
    const { manager, files } = fakeManager(environment);
    files.atStep = (step) => {
      if (step === 'create') environment.fileSystem.takeLockAway(directory).noticeLoss();
    };
    const poisoned: string[] = [];
    manager.events.subscribe(({ type }) => poisoned.push(type));
    const { wal } = await manager.createWal(metadata);
    expect(poisoned).toEqual(['recovered', 'poisoned']);
    await expect(wal.save(vote)).rejects.toMatchObject({ code: 'WAL_LOCK_LOST' });
    expect(files.committed).toEqual([]);
    await manager.close().catch(() => undefined);
  });

  it('is found before a save that follows a stall', async () => {
    const environment = await worldWithDirectory();
    const { fileSystem } = environment;
    const { manager, files } = fakeManager(environment);
    const { wal } = await manager.createWal(metadata);
    fileSystem.stallLock(directory);
    await wal.save(vote);
    expect(files.committed).toHaveLength(1);
    fileSystem.stallLock(directory);
    fileSystem.inject({ on: 'lock', fault: io });
    await expect(wal.save({ hardState: { ...vote.hardState, term: 3 } })).rejects.toMatchObject({
      code: 'WAL_POISONED',
      cause: { kind: 'io' },
    });
    expect(files.committed).toHaveLength(1);
    await manager.close().catch(() => undefined);
  });
});

describe('closing a manager', () => {
  it('waits for a log that is being opened, and closes it', async () => {
    const environment = await worldWithDirectory();
    const { manager, files } = fakeManager(environment);
    const { reached, goOn } = pauseAt(files, 'create');
    const opening = manager.createWal(metadata);
    await reached;
    let isClosed = false;
    const closing = manager.close().then(() => {
      isClosed = true;
    });
    await turnOfEventLoop();
    expect(isClosed).toBe(false);
    goOn();
    const { wal } = await opening;
    await closing;
    expect(files.steps).toEqual(['create', 'created', 'close store', 'store closed']);
    await expect(wal.save(vote)).rejects.toMatchObject({ code: 'WAL_CLOSED' });
    expect(operationsOf(environment).at(-1)).toBe('unlock');
  });

  it('waits for a log that cannot be opened', async () => {
    const environment = await worldWithDirectory();
    const { manager, files } = fakeManager(environment);
    const { reached, goOn } = pauseAt(files, 'create');
    const opening = manager.createWal(metadata);
    await reached;
    const closing = manager.close();
    environment.fileSystem.inject({ on: 'open', fault: io });
    goOn();
    await expect(opening).rejects.toMatchObject({ kind: 'io' });
    await closing;
    expect(operationsOf(environment).at(-1)).toBe('unlock');
  });

  it('waits for an identity record that is being written', async () => {
    const environment = await worldWithDirectory();
    const { fileSystem } = environment;
    const { manager } = fakeManager(environment);
    await manager.createWal(metadata);
    const writing = manager.writeIdentity(Uint8Array.of(1, 2, 3));
    await manager.close();
    expect(operationsOf(environment).at(-1)).toBe('unlock');
    await writing;
    expect(operationsOf(environment).at(-1)).toBe('unlock');
    expect(fileSystem.crash(1).surgery.files()).toContain(`${directory}/${identityFileName}`);
  });

  it('happens once, and every call after it is refused', async () => {
    const environment = await worldWithDirectory();
    const { manager, files } = fakeManager(environment);
    await manager.createWal(metadata);
    await manager[Symbol.asyncDispose]();
    expect(files.steps.at(-1)).toBe('store closed');
    expect(manager.close()).toBe(manager.close());
    await manager.close();
    expect(files.steps.filter((step) => step === 'store closed')).toHaveLength(1);
    const calls: readonly (() => Promise<unknown>)[] = [
      () => manager.takeLock(),
      () => manager.hasExistingWal(),
      () => manager.createWal(metadata),
      () => manager.replayWal(),
      () => manager.findSnapshots(),
      () => manager.readIdentity(),
      () => manager.writeIdentity(new Uint8Array(1)),
    ];
    const before = environment.fileSystem.calls.length;
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'WAL_CLOSED' });
    expect(environment.fileSystem.calls).toHaveLength(before);
  });
});
