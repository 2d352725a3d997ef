/** Saves with sizes around the constants of the code, interrupted, and opened again. */
import { afterAll, describe, expect, it } from 'vitest';
import {
  confState,
  entriesFrom,
  manyEntries,
  oneMore,
  SizedSaves,
  state,
} from '@babuza/testkit/ladder';
import { headerPageBytes, sectorBytes } from '../src/format/layout.ts';
import { backEnd } from './support/workload.ts';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;
const around = (bytes: number): number[] => [bytes - 8, bytes, bytes + 8];

const inLargeSegments = new SizedSaves(backEnd, { segmentBytes: 3 * mebibyte });
const inMediumSegments = new SizedSaves(backEnd, { segmentBytes: 64 * kibibyte });
const smallSegmentBytes = 16 * kibibyte;
const inSmallSegments = new SizedSaves(
  backEnd,
  { segmentBytes: smallSegmentBytes },
  { fillBytes: 6000 },
);

/** More subsets of the removals are tested. */
const purges = new SizedSaves(backEnd, { segmentBytes: smallSegmentBytes }, { samples: 12 });

afterAll(() =>
  console.log([inLargeSegments, inMediumSegments, inSmallSegments, purges].map(String).join('\n')),
);

describe('a save that is written as', () => {
  for (const bytes of around(mebibyte)) {
    it(`${bytes} bytes, with a crash at every call`, async () => {
      await inLargeSegments.crash(`${bytes} bytes`, [[await inLargeSegments.saveOf(bytes)]]);
    });
  }

  it('more than two mebibytes, of which a sync fails', async () => {
    const save = await inLargeSegments.saveOf(2 * mebibyte + 8);
    await inLargeSegments.failSyncs('more than two mebibytes', [[save]]);
  });

  for (const constant of [sectorBytes, headerPageBytes, 512 * kibibyte]) {
    it(`around ${constant} bytes, twice, with a crash at every call`, async () => {
      const sized = constant < 8 * kibibyte ? inMediumSegments : inLargeSegments;
      for (const bytes of around(constant)) {
        const first = await sized.saveOf(bytes, constant === sectorBytes ? 2 : 5);
        const next = 3 + (first.entries?.length ?? 0);
        const second = { entries: entriesFrom(next, 2, 1, 100), hardState: state(1, 4) };
        await sized.crash(`${bytes} bytes`, [[first], [second]]);
      }
    });
  }

  it('payloads around the size that is copied, with a crash at every call', async () => {
    for (const payloadBytes of around(4 * kibibyte).flatMap((bytes) => [bytes - 1, bytes + 1])) {
      const groups = [[{ entries: entriesFrom(3, 9, 1, payloadBytes) }], [oneMore(9)]];
      await inMediumSegments.crash(`payloads of ${payloadBytes} bytes`, groups);
    }
  });
});

describe('the end of a segment', () => {
  for (const entryCount of [2, 100]) {
    it(`is met by a save of ${entryCount} entries, with a crash at every call`, async () => {
      const bytes = await inSmallSegments.rotatingPayload(entryCount, smallSegmentBytes);
      expect(bytes).toBeLessThan(8 * kibibyte);
      // Up to the first payload that does not fit; with smaller ones, the next save begins the next
      // segment.
      for (const more of [-8, 0, 8, 80, 160, 240, 320, 400]) {
        const payloadBytes = bytes + more;
        const isNear = more < 8;
        const groups = [[manyEntries(entryCount, payloadBytes)], [oneMore(entryCount)]];
        await inSmallSegments.crash(
          `a last payload of ${payloadBytes} bytes`,
          groups,
          isNear ? 0 : 2,
        );
      }
    });
  }

  it('is too near for a save, whose segment is longer', async () => {
    // The length of the file is a multiple of 4,096, so the free space has any size from 0 to 4,095
    // bytes.
    for (let payloadBytes = 4000; payloadBytes < 8192; payloadBytes += 360) {
      const groups = [[manyEntries(250, payloadBytes)], [oneMore(250)]];
      await inSmallSegments.crash(`a last payload of ${payloadBytes} bytes`, groups, 2);
    }
  });
});

describe('a purge of many segments without a marker between', () => {
  const filled = [0, 1, 2, 3, 4, 5].map((at) => [{ entries: entriesFrom(3 + 2 * at, 2, 1, 3000) }]);

  it('that runs alone, with a crash at every call', async () => {
    const groups = [...filled, [{ hardState: state(1, 13) }], [{ purgeTo: 11 }]];
    await purges.crash('a purge', groups, 7);
  });

  it('and of the one that has the newest marker, with a crash at every call', async () => {
    const snapshot = { index: 14, term: 1, confState };
    const behind = [15, 17, 19].map((index) => [{ entries: entriesFrom(index, 2, 1, 3000) }]);
    const groups = [...filled, [{ hardState: state(1, 14), snapshot }], ...behind];
    await purges.crash('a purge', [...groups, [{ purgeTo: 14 }]], 10);
  });

  it('during saves, with a crash at every call', async () => {
    const beside = [{ purgeTo: 11 }, { entries: entriesFrom(15, 2, 1, 3000) }, { sync: true }];
    const groups = [...filled, [{ hardState: state(1, 13) }], beside];
    await purges.crash('a purge beside saves', groups, 7);
  });
});
