/** Invalid arguments are rejected with a clear error, and the log does not change. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { walBackend } from '../src/index.ts';
import { inspectLog } from '../src/inspect.ts';

let directory = '';

beforeEach(async () => {
  directory = await mkdtemp(`${tmpdir()}/babuza-input-`);
});

afterEach(() => rm(directory, { recursive: true }));

const small = { segmentBytes: 64 * 1024 };
const entry = (index: number) => ({ index, term: 1, type: 0 as const, data: new Uint8Array(900) });
/** Passes a value that the types forbid, as a JavaScript caller could. */
const untyped = (value: unknown): never => value as never;

describe('bad input', () => {
  it('invalid batches are refused, and the log stays usable', async () => {
    const manager = await walBackend.open(directory, small);
    const { wal, storage } = await manager.createWal({ clusterId: 1, nodeId: 1 });
    await wal.save({ entries: [entry(1)] });
    const batches: unknown[] = [
      null,
      { entries: [null] },
      { entries: Array.from({ length: 2 }) },
      { entries: {} },
      { hardState: null },
      { snapshot: null },
    ];
    for (const batch of batches) {
      await expect(wal.save(untyped(batch))).rejects.toMatchObject({ code: 'WAL_INVALID' });
    }
    for (const marker of [null, undefined, 5]) {
      await expect(wal.saveSnapshot(untyped(marker))).rejects.toMatchObject({
        code: 'WAL_INVALID',
      });
    }
    await wal.save({ entries: [entry(2)] });
    expect(storage.lastIndex()).toBe(2);
    await manager.close();
  });

  it('an array of entries that the caller changes afterwards is saved as it was', async () => {
    const manager = await walBackend.open(directory, small);
    const { wal, storage } = await manager.createWal({ clusterId: 1, nodeId: 1 });
    const entries = [entry(1), entry(2)];
    const saving = wal.save({ entries });
    entries[0] = entry(99);
    entries.length = 1;
    await saving;
    expect(storage.entries(1, 3, Infinity)).toEqual([entry(1), entry(2)]);
    await manager.close();
  });

  it('an invalid directory and unknown options are named in the error', async () => {
    await writeFile(`${directory}/file`, 'text');
    const inFile = await walBackend.open(`${directory}/file/below`);
    const metadata = { clusterId: 1, nodeId: 1 };
    await expect(inFile.createWal(metadata)).rejects.toMatchObject({ code: 'WAL_FOREIGN' });
    const onFile = await walBackend.open(`${directory}/file`);
    await expect(onFile.createWal(metadata)).rejects.toMatchObject({ code: 'WAL_FOREIGN' });
    await expect(walBackend.open('')).rejects.toMatchObject({ code: 'WAL_INVALID' });
    const options: unknown[] = [null, { segmentByte: 1 }, { segmentBytes: 5 }];
    for (const given of options) {
      const opening = walBackend.open(directory, untyped(given));
      await expect(opening).rejects.toMatchObject({ code: 'WAL_INVALID' });
    }
    const manager = await walBackend.open(`${directory}/log`);
    await expect(manager.createWal(untyped(undefined))).rejects.toMatchObject({
      code: 'WAL_INVALID',
    });
    expect(await readdir(directory)).toEqual(['file']);
  });
});

describe('reading a log that is being written', () => {
  it('never reports work in progress as damage', async () => {
    const manager = await walBackend.open(directory, { segmentBytes: 16 * 1024 });
    const { wal } = await manager.createWal({ clusterId: 1, nodeId: 1 });
    let last = 0;
    const stop = new AbortController();
    const write = async (): Promise<void> => {
      while (!stop.signal.aborted) {
        last += 1;
        await wal.save({ entries: [entry(last)], hardState: { term: 1, vote: 1n, commit: last } });
        if (last % 50 === 0) await wal.purge(last - 20);
      }
    };
    const writing = write();
    for (let look = 0; look < 40; look += 1) {
      const { tail, lastIndex } = await inspectLog(directory);
      expect(tail.verdict).toBe('clean');
      expect(lastIndex).toBeLessThanOrEqual(last);
      expect(await manager.findSnapshots()).toEqual([]);
    }
    stop.abort();
    await writing;
    await manager.close();
    expect((await inspectLog(directory)).lastIndex).toBe(last);
  });
});
