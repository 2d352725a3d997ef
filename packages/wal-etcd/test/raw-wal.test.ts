/** The behaviour of `RawWal` that no fixture shows: locks, refusals, durability, a failing disk. */
import { describe, expect, it } from 'vitest';
import { SimulatedDisk, simulatedEnvironment, type SimulatedEnvironment } from '@babuza/testkit';
import { RawWal, repair, type EtcdEntry } from '../src/format.ts';
import { findSnapshots, readWal, verify } from '../src/inspect.ts';

const directory = '/data/wal';
const firstName = `${directory}/0000000000000000-0000000000000000.wal`;
const segmentBytes = 16_384;
const nothing = { term: 0n, vote: 0n, commit: 0n };
const beginning = { index: 0n, term: 0n };

const entry = (index: number, bytes = 100): EtcdEntry => ({
  type: 0,
  term: 1n,
  index: BigInt(index),
  data: new Uint8Array(bytes).fill(index),
});
const hardState = (commit: number): { term: bigint; vote: bigint; commit: bigint } => ({
  term: 1n,
  vote: 2n,
  commit: BigInt(commit),
});

function create(environment: SimulatedEnvironment): Promise<RawWal> {
  return RawWal.create(directory, Buffer.from('m'), { environment, segmentBytes });
}

async function lastIndexOf(fileSystem: SimulatedDisk): Promise<number> {
  const { entries } = await readWal(directory, beginning, { environment: { fileSystem } });
  return Number(entries.at(-1)?.index ?? 0n);
}

describe('opening', () => {
  it('creates the directory, once, and leaves nothing else behind', async () => {
    const environment = simulatedEnvironment(1);
    await (await create(environment)).close();
    expect(environment.fileSystem.surgery.files()).toEqual([firstName]);
    expect(environment.fileSystem.openPaths).toEqual([]);
    await expect(create(environment)).rejects.toMatchObject({ code: 'WAL_EXISTS' });
  });

  it('creates no log if etcd would find one', async () => {
    const environment = simulatedEnvironment(1);
    await environment.fileSystem.makeDirectory(directory);
    environment.fileSystem.surgery.put(`${directory}/zz.wal`, new Uint8Array(1));
    await expect(create(environment)).rejects.toMatchObject({ code: 'WAL_EXISTS' });
  });

  it('excludes a second owner, and releases the lock', async () => {
    const environment = simulatedEnvironment(1);
    const wal = await create(environment);
    await expect(RawWal.open(directory, beginning, { environment })).rejects.toMatchObject({
      code: 'WAL_LOCKED',
    });
    await expect(repair(directory, { environment })).rejects.toMatchObject({ code: 'WAL_LOCKED' });
    await wal.close();
    await (await RawWal.open(directory, beginning, { environment })).close();
    expect(await repair(directory, { environment })).toBe(true);
  });

  it('refuses a log that another program has locked, and can be repeated', async () => {
    const environment = simulatedEnvironment(1);
    await (await create(environment)).close();
    environment.fileSystem.foreignLocks.set(firstName, 'OFDLCK, process unknown');
    const locked = {
      code: 'WAL_LOCKED',
      message: expect.stringContaining('OFDLCK, process unknown'),
    };
    await expect(RawWal.open(directory, beginning, { environment })).rejects.toMatchObject(locked);
    await expect(repair(directory, { environment })).rejects.toMatchObject(locked);
    // Reading is allowed.
    expect((await readWal(directory, beginning, { environment })).entries).toEqual([]);
    environment.fileSystem.foreignLocks.clear();
    await (await RawWal.open(directory, beginning, { environment })).close();
    expect(environment.fileSystem.openPaths).toEqual([]);
  });

  it('finds no log without a directory, and changes nothing', async () => {
    const environment = simulatedEnvironment(1);
    const notFound = { code: 'WAL_NOT_FOUND' };
    await expect(RawWal.open(directory, beginning, { environment })).rejects.toMatchObject(
      notFound,
    );
    await expect(readWal(directory, beginning, { environment })).rejects.toMatchObject(notFound);
    await expect(verify(directory, beginning, { environment })).rejects.toMatchObject(notFound);
    await expect(findSnapshots(directory, { environment })).rejects.toMatchObject(notFound);
    expect(await repair(directory, { environment })).toBe(false);
    expect(environment.fileSystem.mutationCount).toBe(0);
  });
});

describe('the order of calls', () => {
  it('is kept', async () => {
    const environment = simulatedEnvironment(1);
    await (await create(environment)).close();
    const wal = await RawWal.open(directory, beginning, { environment, segmentBytes });
    const refused = { code: 'WAL_INVALID' };
    await expect(wal.save(nothing, [entry(1)])).rejects.toMatchObject(refused);
    await wal.readAll();
    // etcd: ErrDecoderNotFound.
    await expect(wal.readAll()).rejects.toMatchObject(refused);
    await wal.save(nothing, [entry(1)]);
    await wal.close();
    await wal.close();
    await expect(wal.save(nothing, [entry(2)])).rejects.toMatchObject({ code: 'WAL_CLOSED' });
    await expect(wal.cut()).rejects.toMatchObject({ code: 'WAL_CLOSED' });
    expect(await lastIndexOf(environment.fileSystem)).toBe(1);
  });

  it('an empty save writes nothing', async () => {
    const environment = simulatedEnvironment(1);
    const wal = await create(environment);
    const before = environment.fileSystem.mutationCount;
    await wal.save(nothing, []);
    expect(environment.fileSystem.mutationCount).toBe(before);
    await wal.close();
  });
});

describe('durability', () => {
  it('entries are durable when save resolves, a commit index alone is not', async () => {
    const environment = simulatedEnvironment(1);
    const wal = await create(environment);
    await wal.save(hardState(0), [entry(1)]);
    await wal.save(hardState(1), []);
    const after = environment.fileSystem.crash(1);
    const seen = await readWal(directory, beginning, { environment: { fileSystem: after } });
    expect(seen.entries).toEqual([entry(1)]);
    expect(seen.hardState).toEqual(hardState(0));
  });

  it.each([
    ['a new vote', { term: 1n, vote: 3n, commit: 0n }],
    ['a new term', { term: 2n, vote: 2n, commit: 0n }],
  ])('%s is durable when save resolves', async (_, changed) => {
    const environment = simulatedEnvironment(1);
    const wal = await create(environment);
    await wal.save(hardState(0), []);
    await wal.save(changed, []);
    const after = environment.fileSystem.crash(1);
    expect(await verify(directory, beginning, { environment: { fileSystem: after } })).toEqual(
      changed,
    );
  });

  it('a snapshot record is durable, and so are the records before it', async () => {
    const environment = simulatedEnvironment(1);
    const wal = await create(environment);
    await wal.save(hardState(0), [entry(1)]);
    await wal.save(hardState(1), []);
    await wal.saveSnapshot({ index: 1n, term: 1n });
    const after = environment.fileSystem.crash(1);
    const found = await findSnapshots(directory, { environment: { fileSystem: after } });
    expect(found).toEqual([beginning, { index: 1n, term: 1n }]);
  });

  it('without syncs the bytes are the same', async () => {
    const run = async (isSynced: boolean): Promise<{ files: string[]; syncs: number }> => {
      const environment = simulatedEnvironment(1);
      const wal = await create(environment);
      if (!isSynced) wal.setUnsafeNoFsync();
      for (let index = 1; index <= 60; index += 1) {
        await wal.save(hardState(index - 1), [entry(index, 900)]);
      }
      const { calls, surgery } = environment.fileSystem;
      const syncs = calls.filter(({ operation }) => /^(?:datasync|write-durable)$/.test(operation));
      await wal.close();
      const files = surgery
        .files()
        .map((path) => `${path} ${Buffer.from(surgery.contents(path)).toString('hex')}`);
      return { files, syncs: syncs.length };
    };
    const [synced, unsynced] = [await run(true), await run(false)];
    expect(synced.files).toHaveLength(4);
    expect(unsynced.files).toEqual(synced.files);
    expect(synced.syncs - unsynced.syncs).toBeGreaterThan(60);
  });
});

describe('limits and failures', () => {
  it('a record that etcd 3.4 cannot read is refused, unless an option allows it', async () => {
    const environment = simulatedEnvironment(1);
    const wal = await create(environment);
    const limit = 10 * 1024 * 1024;
    const refused = { code: 'WAL_TOO_LARGE', bytesMax: limit };
    await expect(wal.save(nothing, [entry(1), entry(2, limit)])).rejects.toMatchObject(refused);
    await wal.save(nothing, [entry(1, limit - 64)]);
    await wal.close();
    const seen = await readWal(directory, beginning, { environment });
    expect(seen.entries.map(({ data }) => data?.length)).toEqual([limit - 64]);

    const again = await RawWal.open(directory, beginning, {
      environment,
      recordBytesLimit: 2 * limit,
    });
    await again.readAll();
    await again.save(nothing, [entry(2, limit)]);
    await again.close();
    expect(await lastIndexOf(environment.fileSystem)).toBe(2);
  });

  it('a full disk ends the log, which keeps acknowledged records only', async () => {
    const environment = simulatedEnvironment(
      1,
      new SimulatedDisk({ seed: 1, capacityBytes: 80_000 }),
    );
    const wal = await create(environment);
    let acknowledged = 0;
    const untilFull = async (): Promise<void> => {
      for (let index = 1; index < 100; index += 1) {
        await wal.save(hardState(index - 1), [entry(index, 1500)]);
        acknowledged = index;
      }
    };
    await expect(untilFull()).rejects.toMatchObject({ code: 'WAL_NO_SPACE' });
    expect(acknowledged).toBeGreaterThan(20);
    environment.fileSystem.capacityBytes = Infinity;
    // Its checksum would continue records that are not there.
    await expect(wal.save(nothing, [entry(acknowledged + 1)])).rejects.toMatchObject({
      code: 'WAL_POISONED',
    });
    await wal.close();
    expect(await lastIndexOf(environment.fileSystem)).toBe(acknowledged);

    const again = await RawWal.open(directory, beginning, { environment, segmentBytes });
    await again.readAll();
    await again.save(nothing, [entry(acknowledged + 1)]);
    await again.close();
    expect(await lastIndexOf(environment.fileSystem)).toBe(acknowledged + 1);
  });

  it('a smaller entry cannot follow one that did not fit on the disk', async () => {
    const environment = simulatedEnvironment(
      1,
      new SimulatedDisk({ seed: 1, capacityBytes: 40_000 }),
    );
    const wal = await create(environment);
    await wal.save(hardState(0), [entry(1)]);
    // The entry would extend the segment, and there is no space for that.
    await expect(wal.save(nothing, [entry(2, 60_000)])).rejects.toMatchObject({
      code: 'WAL_NO_SPACE',
    });
    await expect(wal.save(nothing, [entry(2, 10)])).rejects.toMatchObject({ code: 'WAL_POISONED' });
    await wal.close();
    expect(await lastIndexOf(environment.fileSystem)).toBe(1);
  });

  it('a failed sync is not repeated', async () => {
    const environment = simulatedEnvironment(1);
    const wal = await create(environment);
    environment.fileSystem.inject({
      on: ['write-durable', 'datasync'],
      fault: { type: 'sync-error', pending: 'dropped' },
    });
    await expect(wal.save(hardState(0), [entry(1)])).rejects.toMatchObject({
      code: 'WAL_POISONED',
    });
    await expect(wal.save(hardState(0), [entry(1)])).rejects.toMatchObject({
      code: 'WAL_POISONED',
    });
    await expect(wal.sync()).rejects.toMatchObject({ code: 'WAL_POISONED' });
    await wal.close();
    expect(environment.fileSystem.openPaths).toEqual([]);
  });
});

describe('a segment that a cut starts', () => {
  it('is closed with the log', async () => {
    const environment = simulatedEnvironment(1);
    const wal = await create(environment);
    await wal.save(hardState(0), [entry(1)]);
    await wal.cut();
    await wal.save(nothing, [entry(2)]);
    await wal.close();
    expect(environment.fileSystem.openPaths).toEqual([]);
  });

  it('has the index of the snapshot plus 1 in its name, and is found from the snapshot', async () => {
    const environment = simulatedEnvironment(1);
    const wal = await create(environment);
    const snapshot = { index: 500n, term: 1n };
    await wal.save(hardState(0), [entry(1)]);
    await wal.saveSnapshot(snapshot);
    await wal.save(hardState(500), []);
    await wal.cut();
    await wal.save(nothing, [entry(501)]);
    await wal.close();
    const files = environment.fileSystem.surgery.files();
    expect(files).toContain(`${directory}/0000000000000001-00000000000001f5.wal`);
    const { entries } = await readWal(directory, snapshot, { environment });
    expect(entries.map(({ index }) => index)).toEqual([501n]);
  });

  it('is closed when the lock is lost during the cut', async () => {
    const environment = simulatedEnvironment(1);
    const wal = await create(environment);
    await wal.save(hardState(0), [entry(1)]);
    const { fileSystem } = environment;
    fileSystem.stopWhen(({ operation }) => {
      if (operation === 'sync-directory') fileSystem.takeLockAway(directory);
      return false;
    });
    await expect(wal.cut()).rejects.toMatchObject({ code: 'WAL_LOCK_LOST' });
    await expect(wal.close()).rejects.toMatchObject({ code: 'WAL_LOCK_LOST' });
    expect(environment.fileSystem.openPaths).toEqual([]);
  });
});

describe('the lock of a raw log', () => {
  it('is checked after each write: a save without it is not acknowledged', async () => {
    const environment = simulatedEnvironment(1);
    const { fileSystem } = environment;
    const wal = await create(environment);
    fileSystem.stopWhen(({ operation }) => {
      if (operation === 'write-durable') fileSystem.takeLockAway(directory);
      return false;
    });
    await expect(wal.save(hardState(0), [entry(1)])).rejects.toMatchObject({
      code: 'WAL_LOCK_LOST',
    });
    await expect(wal.close()).rejects.toMatchObject({ code: 'WAL_LOCK_LOST' });
  });

  it('is released when the creation fails, which can then be repeated', async () => {
    const environment = simulatedEnvironment(1);
    const fault = { type: 'error', kind: 'too-many-open' } as const;
    environment.fileSystem.inject({ on: 'rename', fault });
    await expect(create(environment)).rejects.toMatchObject({ code: 'WAL_TRY_AGAIN' });
    await (await create(environment)).close();
    expect(environment.fileSystem.openPaths).toEqual([]);
  });
});
