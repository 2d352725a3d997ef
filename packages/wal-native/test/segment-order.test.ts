/** The order of segments, and which of them and of their entries a recovery takes for missing. */
import { describe, expect, it } from 'vitest';
import { trailerBytes } from '../src/format/layout.ts';
import { segmentName } from '../src/format/segment-name.ts';
import { listLog } from '../src/recovery/list-log.ts';
import { scanSegment } from '../src/recovery/scan.ts';
import { scanAfterStop } from '../src/recovery/scan-after-stop.ts';
import { chain, third, without } from './support/crafted-chain.ts';
import { diskOf, groupId, recoverFrom, start } from './support/crafted-log.ts';

describe('the list of segments', () => {
  it('is in the order of their ids, in whatever order a file system lists them', async () => {
    const ids = [3, 1, 16, 2, 10];
    const list = async () =>
      ids.map((id) => ({ name: segmentName(id, 99 - id).fileName, kind: 'file' as const }));
    const { segments } = await listLog({ list } as never, '/log');
    expect(segments.map(({ segmentId }) => segmentId)).toEqual([1, 2, 3, 10, 16]);
  });
});

describe('a purge whose removals a crash has undone in part', () => {
  it.each([
    ['the first', 0],
    ['the second', 1],
    ['the third', 2],
  ])('is believed if only %s of its three segments is missing', async (_, missing) => {
    const segments = chain(4);
    segments[3]?.batch([start(6, 1, 4)]);
    const { contents, tail } = await recoverFrom(diskOf(without(segments, missing)));
    const { index } = contents.replayed.state;
    expect([index.firstIndex, index.lastIndex, tail.verdict]).toEqual([7, 8, 'clean']);
  });
});

describe('a batch of which only the commit frame is left', () => {
  it('has all its entries in the report', async () => {
    const segment = third().lose(-3, -1);
    const file = {
      read: async (target: Uint8Array, offset: number): Promise<number> => {
        const piece = segment.bytes.subarray(offset, offset + target.length);
        target.set(piece);
        return piece.length;
      },
    };
    const limit = segment.bytes.length - trailerBytes;
    const request = { file, salt: segment.header.salt, limit, groupId };
    const stop = await scanSegment(request, () => undefined);
    const { firstIndex, lastIndex } = await scanAfterStop(request, stop);
    expect([firstIndex, lastIndex]).toEqual([3, 4]);
  });
});
