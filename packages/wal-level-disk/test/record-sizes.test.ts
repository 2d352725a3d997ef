/**
 * Batches around the sizes at which LevelDB splits its data: blocks of 32 KiB in its log, a write
 * buffer of 64 KiB, blocks of 4 KiB in tables. They are read unchanged from the log and from
 * tables.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Entry } from '@babuza/raftpb';
import type { EntryStorage } from '@babuza/wal-core';
import { walBackend } from '../src/index.ts';

const kibibyte = 1024;
const options = { writeBufferBytes: 64 * kibibyte, verifyOnOpen: true };
/** These sizes cover what a batch and its record add to a payload. */
const steps = [-140, -120, -110, -100, -90, -80, -70, -60, -50, -40, -30, -20, -10, -7, -1, 0, 1];

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(`${tmpdir()}/babuza-level-sizes-`);
});
afterEach(() => rm(directory, { recursive: true }));

function entriesOf(bytes: number): Entry[] {
  return steps.map((step, at) => {
    const data = new Uint8Array(bytes + step).map((_, position) => (position * 31 + at) & 0xff);
    return { index: at + 1, term: 1, type: 0, data };
  });
}

/** The indexes whose payload differs from what was written. */
function wrongOf(storage: EntryStorage, written: readonly Entry[]): number[] {
  const read = storage.entries(1, written.length + 1, Infinity);
  return written.flatMap(({ index, data = new Uint8Array(0) }, at) =>
    Buffer.compare(read[at]?.data ?? new Uint8Array(0), data) === 0 ? [] : [index],
  );
}

describe.each([4, 32, 64])('payloads around %i KiB', (size) => {
  it.each([
    ['one by one', true],
    ['together', false],
  ])('saved %s are there after each opening', async (_, isEachAlone) => {
    const manager = await walBackend.open(directory, options);
    const { wal, storage } = await manager.createWal({ clusterId: 1, nodeId: 1 });
    const written = entriesOf(size * kibibyte);
    if (isEachAlone) for (const entry of written) await wal.save({ entries: [entry] });
    else await wal.save({ entries: written });
    expect(wrongOf(storage, written)).toEqual([]);
    await manager.close();
    // The first opening reads LevelDB's own log and writes it to tables, which the second opening
    // reads.
    for (const opening of [1, 2]) {
      const again = await walBackend.open(directory, options);
      const opened = await again.replayWal();
      expect(wrongOf(opened.storage, written), `opening ${opening}`).toEqual([]);
      await again.close();
    }
  });
});
