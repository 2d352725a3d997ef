/**
 * The writes, syncs and removals of a recovery in order, on logs whose frames were chosen one by
 * one.
 */
import { describe, expect, it } from 'vitest';
import type { SimulatedDisk } from '@babuza/testkit';
import { commitFrameBytes } from '../src/format/layout.ts';
import { sealBytes } from '../src/format/seal.ts';
import { readLogOnce } from '../src/recovery/read-log-once.ts';
import { chain, errorOf, headAt, third, two, unsealed } from './support/crafted-chain.ts';
import {
  CraftedSegment,
  directory,
  diskOf,
  entry,
  firstHead,
  groupId,
  hardState,
  marker,
  readFrom,
  recoverFrom,
  start,
  tail,
} from './support/crafted-log.ts';

describe('a recovery', () => {
  const mutations = (disk: SimulatedDisk, from = 0): string[] =>
    disk.calls
      .slice(from)
      .filter(({ operation }) => /write|sync-|unlink/.test(operation))
      .map(({ operation, path }) => `${operation} ${path.slice(directory.length + 1)}`);
  const names = (segments: readonly CraftedSegment[]): string[] =>
    segments.map(({ path }) => path.slice(directory.length + 1));

  it('syncs names, writes frames, the seal and the cut durably, and then removes files', async () => {
    const segments = unsealed((second) => second);
    const disk = diskOf(segments, ['spare-0000000000000003.tmp']);
    const { contents, appendPoint } = await recoverFrom(disk);
    const [first = '', second = ''] = names(segments);
    expect(mutations(disk)).toEqual([
      'sync-directory ',
      `write-durable ${first}`,
      `write-durable ${second}`,
      'unlink spare-0000000000000003.tmp',
      'sync-directory ',
    ]);
    expect(contents.needsSeal?.segment.seal).toMatchObject({
      framesEnd: segments[0]?.end,
      lastBatchNumber: 1,
      nextSalt: segments[1]?.header.salt,
    });
    expect(appendPoint.segment.segmentId).toBe(2);
    // The footer lists the offsets of the entries divided by 8.
    const sealedBytes = disk.surgery.contents(segments[0]?.path ?? '').slice(-sealBytes(1, 2));
    const footer = new DataView(sealedBytes.buffer);
    const words = [0, 8, 16, 20].map((at) => footer.getUint32(at, true));
    const [one = 0, other = 0] = segments[0]?.offsets.slice(4) ?? [];
    expect(words).toEqual([1, 2, one / 8, other / 8]);
    // After a power cut the seal and the mark exist, and the file is removed.
    const left = disk.crash(1);
    expect(left.surgery.files()).toEqual(segments.map(({ path }) => path));
    const again = await readFrom(left);
    expect(again.findings.map(({ segment }) => segment.seal !== undefined)).toEqual([true, false]);
    expect(again.findings[1]?.endsWithMark).toBe(true);
  });

  it.each(['sync-directory', 'write-durable', 'unlink'] as const)(
    'does nothing more if a call of %s fails',
    async (on) => {
      const segments = unsealed((second) => second);
      const disk = diskOf(segments, ['spare-0000000000000003.tmp']);
      const fault = { type: 'error', kind: 'io' } as const;
      disk.inject({ on, fault });
      const error = await errorOf(recoverFrom(disk));
      expect(error).toMatchObject({ kind: 'io' });
      const all = mutations(disk);
      const order = ['sync-directory', 'write-durable', 'unlink'];
      expect(all).toHaveLength(order.indexOf(on) + 1 + (on === 'unlink' ? 1 : 0));
      expect(all.at(-1)).toContain(on);
    },
  );

  it('fails if the removal of files does not become durable', async () => {
    const disk = diskOf([two()], ['spare-0000000000000003.tmp']);
    disk.inject({ on: 'sync-directory', nth: 2, fault: { type: 'error', kind: 'io' } });
    expect(await errorOf(recoverFrom(disk))).toMatchObject({ kind: 'io' });
  });

  it('syncs the directory once if there is nothing to remove', async () => {
    const disk = diskOf([two()]);
    await recoverFrom(disk);
    expect(mutations(disk).filter((call) => call.startsWith('sync-directory'))).toHaveLength(1);
  });

  it('writes the seal again if its successor has only a head', async () => {
    const [first, second] = unsealed((segment) => segment);
    if (first === undefined || second === undefined) throw new Error('no segments');
    first.seal(second);
    const { contents } = await recoverFrom(diskOf([first, second]));
    expect(contents.needsSeal?.segment.segmentId).toBe(1);
    const built = await recoverFrom(diskOf(chain(2)));
    expect(built.contents.needsSeal).toBeUndefined();
    expect(built.contents.findings.map(({ verdict, facts }) => [verdict, facts.openEnded])).toEqual(
      [
        ['end', false],
        ['end', true],
      ],
    );
  });

  it('removes purged segments, and begins at the start in the newest segment', async () => {
    const segments = chain(3);
    const [first, second] = segments;
    const last = second?.next([hardState(0), start(2, 1, 2), tail(4)]).batch([entry(5)]);
    if (first === undefined || second === undefined || last === undefined) throw new Error('none');
    second.seal(last);
    const disk = diskOf([first, second, last]);
    const { contents } = await recoverFrom(disk);
    expect(contents.leftovers).toEqual([first.path]);
    expect(contents.replayed.state.index.firstIndex).toBe(3);
    expect(disk.surgery.files()).toEqual([second.path, last.path]);
  });

  it.each([
    ['a purge', [entry(5), start(4, 1, 3)]],
    ['a snapshot that was installed', [marker(9, 2, true)]],
  ])('finds that %s in the newest segment needs no older ones', async (_, frames) => {
    const before = chain(3);
    const last = before[1]?.next(headAt(4)).batch(frames);
    if (last === undefined) throw new Error('no segments');
    const { contents } = await recoverFrom(diskOf([last]));
    expect(contents.replayed.start.segmentId).toBe(3);
    expect(contents.findings).toHaveLength(1);
  });

  it('writes batches that are not known to be durable again, in pieces', async () => {
    const mebibyte = 1024 * 1024;
    const segment = new CraftedSegment(firstHead, { segmentBytes: 4 * mebibyte });
    const from = segment.end;
    for (let index = 1; index <= 5; index += 1) {
      segment.batch([entry(index, 1, mebibyte / 2)], { durableUpTo: 8200 });
    }
    const { calls } = await recoverFrom(diskOf([segment]));
    const writes = calls.filter(({ operation }) => operation === 'write-durable');
    const end = segment.end - from - 2 * mebibyte;
    expect(writes.map(({ position = 0, bytes }) => [position - from, bytes])).toEqual([
      [0, mebibyte],
      [mebibyte, mebibyte],
      [2 * mebibyte, end],
      [segment.end - from, commitFrameBytes + 40],
    ]);
  });

  it('reads only the beginning of the newest segment for its head', async () => {
    const segment = new CraftedSegment(firstHead, { segmentBytes: 3 * 1024 * 1024 });
    for (let index = 1; index <= 4; index += 1) segment.batch([entry(index, 1, 500_000)]);
    const disk = diskOf([segment]);
    await readFrom(disk);
    const frames = disk.calls.filter(
      ({ operation, bytes = 0, position }) =>
        operation === 'read' && position === 8192 && bytes > 64,
    );
    const all = disk.calls.filter(({ operation }) => operation === 'read');
    const bytes = all.reduce((sum, call) => sum + (call.bytes ?? 0), 0);
    expect(frames).toHaveLength(2);
    // Once for the head, once for the replay, once after the end.
    expect(bytes).toBeLessThan(segment.bytes.length + 2 * 1024 * 1024);
  });
});

describe('reading a log without its lock', () => {
  it('reports what a recovery would cut, changes nothing and leaves no file open', async () => {
    const disk = diskOf([third().lose(-3, -2)]);
    const { log, tail: report } = await readLogOnce(disk, directory, groupId);
    expect(report).toMatchObject({ verdict: 'uncertain', firstIndex: 3, lastIndex: 4 });
    expect(log.replayed.state.index.lastIndex).toBe(2);
    expect(disk.openPaths).toEqual([]);
    expect(disk.calls.some(({ operation }) => /write|sync|unlink/.test(operation))).toBe(false);
  });

  it('finds no log in an empty directory', async () => {
    const error = await errorOf(readLogOnce(diskOf([]), directory, groupId));
    expect(error).toMatchObject({ code: 'WAL_NOT_FOUND' });
  });
});
