/** The directory of a manager: the logs and files that it finds, creates and refuses. */
import { emptyConfState } from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import { SimulatedDisk, simulatedEnvironment, type SimulatedEnvironment } from '@babuza/testkit';
import { FileWalManager, identityFileName } from '../src/index.ts';
import {
  cleanTail,
  directory,
  fakeManager,
  metadata,
  pauseAt,
  segmentName,
  segmentPath,
} from './support/fake-log-files.ts';

const etcdSegment = '0000000000000000-0000000000000000.wal';
const groupDirectory = `${directory}/group-0000000000000002`;
const group = { groupId: 2n };

/** An environment with these empty files on its disk. */
async function worldWith(...paths: readonly string[]): Promise<SimulatedEnvironment> {
  const environment = simulatedEnvironment(1, new SimulatedDisk({ seed: 1 }));
  const { fileSystem } = environment;
  await fileSystem.makeDirectory(directory);
  for (const path of paths) {
    await fileSystem.makeDirectory(path.slice(0, path.lastIndexOf('/')));
    fileSystem.surgery.put(path, new Uint8Array(0));
  }
  return environment;
}

describe('a directory without a log', () => {
  it('gets a new log, and the manager knows its whole state', async () => {
    const environment = await worldWith();
    const { manager } = fakeManager(environment);
    const events: unknown[] = [];
    manager.events.subscribe((event) => events.push(event));
    expect(await manager.hasExistingWal()).toBe(false);
    const { tail, snapshots, storage, metadata: stored } = await manager.createWal(metadata);
    expect([tail, snapshots, storage.lastIndex()]).toEqual([cleanTail, [], 0]);
    expect(stored).toMatchObject(metadata);
    expect(events).toEqual([{ type: 'recovered', groupId: 0n, tail: cleanTail }]);
    expect(await manager.hasExistingWal()).toBe(true);
    expect(await manager.hasExistingWal(group)).toBe(false);
    await manager.createWal(metadata, group);
    expect(await manager.hasExistingWal(group)).toBe(true);
    expect(environment.fileSystem.surgery.files()).toContain(`${groupDirectory}/${segmentName}`);
    await manager.close();
  });

  it('is not changed by calls that look for a log', async () => {
    const environment = simulatedEnvironment(1);
    const { fileSystem } = environment;
    const { manager } = fakeManager(environment);
    const code = 'WAL_NOT_FOUND';
    expect(await manager.hasExistingWal()).toBe(false);
    expect(await manager.readIdentity()).toBeUndefined();
    await expect(manager.replayWal()).rejects.toMatchObject({ code });
    await expect(manager.findSnapshots()).rejects.toMatchObject({ code });
    await expect(manager.writeIdentity(new Uint8Array(1))).rejects.toMatchObject({ code });
    expect(fileSystem.mutationCount).toBe(0);
    expect(fileSystem.calls.map(({ operation }) => operation)).not.toContain('lock');
    await manager.close();
  });

  it('gets a log beside locks and groups, and the files of an interrupted creation are removed', async () => {
    const leftovers = [`${directory}/1.tmp`, `${directory}/2.tmp`];
    const beside = [`${directory}/LOCK.0123`, `${groupDirectory}/3.tmp`];
    const environment = await worldWith(...leftovers, ...beside);
    const { manager } = fakeManager(environment);
    await manager.createWal(metadata);
    await manager.close();
    expect(environment.fileSystem.surgery.files()).toEqual([segmentPath, ...beside]);
  });

  it('gets no log before leftover files are removed', async () => {
    const environment = await worldWith(`${directory}/1.tmp`);
    const fault = { type: 'error', kind: 'access-denied' } as const;
    environment.fileSystem.inject({ on: 'unlink', fault });
    const { manager, files } = fakeManager(environment);
    const code = 'WAL_PERMISSION';
    await expect(manager.createWal(metadata)).rejects.toMatchObject({ code });
    expect(files.steps).toEqual([]);
    await manager.createWal(metadata);
    await manager.close();
  });

  it.each([
    ['no log has such a file', `${directory}/notes.txt`],
    ['this is the identity record of a log', `${directory}/${identityFileName}`],
  ])('gets no log, with the message that %s: %s', async (what, path) => {
    const left = [`${directory}/1.tmp`, path, `${directory}/z.tmp`];
    const environment = await worldWith(...left);
    const { manager, files } = fakeManager(environment);
    await expect(manager.createWal(metadata)).rejects.toMatchObject({
      code: 'WAL_FOREIGN',
      message: expect.stringContaining(`${path}: ${what}`),
    });
    await manager.close();
    expect(files.steps).toEqual([]);
    expect(environment.fileSystem.surgery.files()).toEqual(left);
  });

  it.each([directory, groupDirectory])('gets no log if %s cannot be created', async (path) => {
    const environment = simulatedEnvironment(1);
    const { fileSystem } = environment;
    fileSystem.inject({ on: 'mkdir', path, fault: { type: 'error', kind: 'access-denied' } });
    const { manager, files } = fakeManager(environment);
    await expect(manager.createWal(metadata, group)).rejects.toMatchObject({
      code: 'WAL_PERMISSION',
    });
    expect(files.steps).toEqual([]);
    const isLocked = fileSystem.calls.some(({ operation }) => operation === 'lock');
    expect(isLocked).toBe(path === groupDirectory);
    await manager.createWal(metadata, group);
    await manager.close();
  });

  it('needs a path that is not empty', () => {
    const environment = simulatedEnvironment(1);
    const { capabilities } = fakeManager(environment).manager;
    const parts = { walType: 'babuza-wal', capabilities, environment };
    const cache = { entriesMax: 1, bytesMax: 1 };
    const { files } = fakeManager(environment);
    for (const path of ['', undefined, 5]) {
      expect(() =>
        Reflect.construct(FileWalManager, [path, { ...parts, cache, files }]),
      ).toThrowError(expect.objectContaining({ code: 'WAL_INVALID' }));
    }
  });
});

describe('a directory with a log', () => {
  it('gets no second log', async () => {
    const environment = await worldWith(segmentPath);
    const { manager, files } = fakeManager(environment);
    const code = 'WAL_EXISTS';
    await expect(manager.createWal(metadata)).rejects.toMatchObject({ code });
    expect(files.steps).toEqual([]);
    await manager.replayWal();
    await expect(manager.createWal(metadata)).rejects.toMatchObject({ code });
    await manager.close();
  });

  it('opens the log of a group once at a time', async () => {
    const environment = await worldWith();
    const { manager, files } = fakeManager(environment);
    const { reached, goOn } = pauseAt(files, 'create');
    const opening = manager.createWal(metadata);
    await reached;
    const code = 'WAL_LOCKED';
    await expect(manager.createWal(metadata)).rejects.toMatchObject({ code });
    await expect(manager.replayWal()).rejects.toMatchObject({ code });
    goOn();
    const { wal } = await opening;
    await expect(manager.replayWal()).rejects.toMatchObject({ code });
    // The logs of other groups can be opened, and this one after it was closed.
    await manager.createWal(metadata, group);
    await wal.close();
    await manager.replayWal();
    await manager.close();
  });
});

describe('a directory with a log of another kind', () => {
  it('is refused by every call, and is not changed', async () => {
    const environment = await worldWith(`${directory}/${etcdSegment}`);
    const { fileSystem } = environment;
    const { manager, files } = fakeManager(environment);
    const before = fileSystem.mutationCount;
    const calls: readonly (() => Promise<unknown>)[] = [
      () => manager.hasExistingWal(),
      () => manager.hasExistingWal(group),
      () => manager.createWal(metadata),
      () => manager.createWal(metadata, group),
      () => manager.replayWal(),
      () => manager.findSnapshots(),
      () => manager.readIdentity(),
      () => manager.writeIdentity(new Uint8Array(1)),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'WAL_FOREIGN' });
    expect(files.steps).toEqual([]);
    expect(fileSystem.mutationCount).toBe(before);
    expect(fileSystem.calls.map(({ operation }) => operation)).not.toContain('lock');
    await manager.close();
  });

  it('is refused even if that log was created after the first check', async () => {
    const environment = await worldWith();
    const { manager, files } = fakeManager(environment);
    expect(await manager.hasExistingWal()).toBe(false);
    environment.fileSystem.surgery.put(`${directory}/${etcdSegment}`, new Uint8Array(0));
    await expect(manager.createWal(metadata)).rejects.toMatchObject({ code: 'WAL_FOREIGN' });
    expect(files.steps).toEqual([]);
    await manager.close();
  });

  it('is not searched for again once this kind of log was found and the lock is held', async () => {
    const environment = await worldWith(segmentPath);
    const { fileSystem } = environment;
    const { manager } = fakeManager(environment);
    await manager.createWal(metadata, group);
    const before = fileSystem.calls.length;
    expect(await manager.hasExistingWal({ groupId: 3n })).toBe(false);
    // Otherwise each group that is opened would list the folders of all others.
    expect(fileSystem.calls.slice(before).map(({ operation }) => operation)).toEqual(['stat']);
    await manager.close();
  });

  it.each([
    ['list', directory],
    ['stat', groupDirectory],
  ] as const)('is not ruled out if %s of %s fails', async (on, path) => {
    const environment = await worldWith(`${groupDirectory}/${segmentName}`);
    environment.fileSystem.inject({ on, path, fault: { type: 'error', kind: 'io' } });
    const { manager } = fakeManager(environment);
    const code = 'WAL_READ_FAILED';
    await expect(manager.hasExistingWal(group)).rejects.toMatchObject({ code });
    expect(await manager.hasExistingWal(group)).toBe(true);
    await manager.close();
  });
});

it('a file with the name of a group does not count as a log', async () => {
  const environment = await worldWith(groupDirectory);
  const { manager } = fakeManager(environment);
  await expect(manager.hasExistingWal(group)).rejects.toMatchObject({
    code: 'WAL_FOREIGN',
    message: expect.stringContaining('is not a directory'),
  });
  await manager.close();
});

describe('snapshots that a log can be started from', () => {
  const marker = { index: 3, term: 1, confState: emptyConfState };

  it('are read from the files of a log that is not open', async () => {
    const environment = await worldWith(segmentPath);
    const { manager, files } = fakeManager(environment);
    files.markers = [marker];
    expect(await manager.findSnapshots()).toEqual([marker]);
    const fault = { type: 'error', kind: 'io' } as const;
    environment.fileSystem.inject({ on: 'stat', path: directory, fault });
    await expect(manager.findSnapshots()).rejects.toMatchObject({ code: 'WAL_READ_FAILED' });
    await manager.close();
  });

  it('are those of an open log, without reading its files', async () => {
    const environment = await worldWith(segmentPath);
    const { manager, files } = fakeManager(environment);
    Object.assign(files, { entries: 5, commit: 5, markers: [marker] });
    const { wal, snapshots } = await manager.replayWal();
    expect(snapshots).toEqual([marker]);
    const newer = { ...marker, index: 4 };
    await wal.saveSnapshot(newer);
    expect(await manager.findSnapshots()).toEqual([marker, newer]);
    expect(files.steps).not.toContain('look');
    await wal.close();
    expect(await manager.findSnapshots()).toEqual([marker]);
    expect(files.steps.at(-1)).toBe('look');
    await manager.close();
  });
});

describe('the identity record', () => {
  const record = Uint8Array.of(1, 2, 3);

  it('is written beside an open log, and read whether it is open or not', async () => {
    const environment = await worldWith();
    const { manager } = fakeManager(environment);
    const { wal } = await manager.createWal(metadata);
    expect(await manager.readIdentity()).toBeUndefined();
    await manager.writeIdentity(record);
    expect(await manager.readIdentity()).toEqual(record);
    await wal.close();
    expect(await manager.readIdentity()).toEqual(record);
    await expect(manager.writeIdentity(record)).rejects.toMatchObject({ code: 'WAL_CLOSED' });
    await manager.close();
    expect(await fakeManager(environment).manager.readIdentity()).toEqual(record);
  });

  it('is not returned for a log whose files are gone', async () => {
    const environment = await worldWith(`${directory}/${identityFileName}`);
    expect(await fakeManager(environment).manager.readIdentity()).toBeUndefined();
  });

  it('is not written if the log takes no more writes', async () => {
    const environment = await worldWith();
    const { manager, files } = fakeManager(environment);
    const { wal } = await manager.createWal(metadata);
    files.atStep = () => {
      throw new Error('the disk failed');
    };
    const vote = { hardState: { term: 2, vote: 1n, commit: 0 } };
    const code = 'WAL_POISONED';
    await expect(wal.save(vote)).rejects.toMatchObject({ code });
    await expect(manager.writeIdentity(record)).rejects.toMatchObject({ code });
    expect(await manager.readIdentity()).toBeUndefined();
  });
});
