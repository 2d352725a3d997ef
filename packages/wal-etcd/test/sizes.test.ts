/** Saves with sizes around the constants of the code, interrupted by crashes. */
import { afterAll, describe, it } from 'vitest';
import {
  confState,
  entriesFrom,
  manyEntries,
  oneMore,
  SizedSaves,
  state,
} from '@babuza/testkit/ladder';
import { bytesBetweenSyncsMax, pageBytes, writeBufferBytes } from '../src/format/layout.ts';
import { backEnd } from './support/back-end.ts';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;
const around = (bytes: number): number[] => [bytes - 8, bytes, bytes + 8];

const inLargeSegments = new SizedSaves(backEnd, { segmentBytes: 5 * mebibyte });
const inMediumSegments = new SizedSaves(backEnd, { segmentBytes: 256 * kibibyte });
const smallSegmentBytes = 16 * kibibyte;
const inSmallSegments = new SizedSaves(
  backEnd,
  { segmentBytes: smallSegmentBytes },
  { fillBytes: 9000 },
);

/** All subsets of the removals are tried. */
const purges = new SizedSaves(backEnd, { segmentBytes: smallSegmentBytes }, { samples: 32 });

afterAll(() =>
  console.log([inLargeSegments, inMediumSegments, inSmallSegments, purges].map(String).join('\n')),
);

describe('a save that is written as', () => {
  for (const bytes of around(bytesBetweenSyncsMax)) {
    it(`${bytes} bytes, with a failed sync`, async () => {
      await inLargeSegments.failSyncs(`${bytes} bytes`, [[await inLargeSegments.saveOf(bytes)]]);
    });
  }

  it('more bytes than the limit between two syncs, one of which fails', async () => {
    const save = await inLargeSegments.saveOf(bytesBetweenSyncsMax + 300 * kibibyte);
    await inLargeSegments.failSyncs('a part more', [[save]]);
  });

  for (const bytes of around(mebibyte)) {
    it(`${bytes} bytes, with a crash at every call`, async () => {
      await inLargeSegments.crash(`${bytes} bytes`, [[await inLargeSegments.saveOf(bytes)]]);
    });
  }

  for (const constant of [pageBytes, writeBufferBytes, 512 * kibibyte]) {
    it(`around ${constant} bytes, twice, with a crash at every call`, async () => {
      const sized = constant < 256 * kibibyte ? inMediumSegments : inLargeSegments;
      for (const bytes of around(constant)) {
        const first = await sized.saveOf(bytes, 5);
        const second = { entries: entriesFrom(8, 2, 1, 100), hardState: state(1, 5) };
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

describe('the end of a segment,', () => {
  for (const entryCount of [2, 120]) {
    it(`reached by a save of ${entryCount} entries, with a crash at every call`, async () => {
      const bytes = await inSmallSegments.rotatingPayload(entryCount, smallSegmentBytes);
      for (const payloadBytes of around(bytes)) {
        const groups = [[manyEntries(entryCount, payloadBytes)], [oneMore(entryCount)]];
        await inSmallSegments.crash(`a last payload of ${payloadBytes} bytes`, groups);
      }
    });
  }
});

describe('a purge of many segments without a marker between', () => {
  const filled = [0, 1, 2, 3, 4, 5].map((at) => [{ entries: entriesFrom(3 + 2 * at, 2, 1, 9000) }]);

  it('on an idle log, with a crash at every call', async () => {
    const groups = [...filled, [{ hardState: state(1, 13) }], [{ purgeTo: 11 }]];
    await purges.crash('a purge', groups, 7);
  });

  it('and of the segment with the newest marker, with a crash at every call', async () => {
    const snapshot = { index: 14, term: 1, confState };
    const behind = [15, 17, 19].map((index) => [{ entries: entriesFrom(index, 2, 1, 9000) }]);
    const groups = [...filled, [{ hardState: state(1, 14), snapshot }], ...behind];
    await purges.crash('a purge', [...groups, [{ purgeTo: 14 }]], 10);
  });

  it('during saves, with a crash at every call', async () => {
    const beside = [{ purgeTo: 11 }, { entries: entriesFrom(15, 2, 1, 9000) }, { sync: true }];
    const groups = [...filled, [{ hardState: state(1, 13) }], beside];
    await purges.crash('a purge beside saves', groups, 7);
  });
});
