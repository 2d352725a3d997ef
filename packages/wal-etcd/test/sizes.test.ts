/** Saves with sizes around the constants of the code, interrupted, and opened again. */
import { afterAll, describe, it } from 'vitest';
import { entriesFrom, manyEntries, oneMore, SizedSaves, state } from '@babuza/testkit/ladder';
import { bytesBetweenSyncsMax, pageBytes, writeBufferBytes } from '../src/format/layout.ts';
import { backEnd } from './support/back-end.ts';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;
const around = (bytes: number): number[] => [bytes - 8, bytes, bytes + 8];

const inLargeSegments = new SizedSaves(backEnd, { segmentBytes: 5 * mebibyte });
const inMediumSegments = new SizedSaves(backEnd, { segmentBytes: 256 * kibibyte });
const inSmallSegments = new SizedSaves(backEnd, { segmentBytes: 16 * kibibyte });

afterAll(() =>
  console.log([inLargeSegments, inMediumSegments, inSmallSegments].map(String).join('\n')),
);

describe('a save that is written as', () => {
  for (const bytes of around(bytesBetweenSyncsMax)) {
    it(`${bytes} bytes, of which a sync fails`, async () => {
      await inLargeSegments.failSyncs(`${bytes} bytes`, [[await inLargeSegments.saveOf(bytes)]]);
    });
  }

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
      const groups = [[{ entries: entriesFrom(3, 3, 1, payloadBytes) }], [oneMore(3)]];
      await inMediumSegments.crash(`payloads of ${payloadBytes} bytes`, groups);
    }
  });
});

describe('the end of a segment', () => {
  for (const entryCount of [2, 120]) {
    it(`is met by a save of ${entryCount} entries, with a crash at every call`, async () => {
      const bytes = await inSmallSegments.rotatingPayload(entryCount, 16 * kibibyte);
      for (const payloadBytes of around(bytes)) {
        const groups = [[manyEntries(entryCount, payloadBytes)], [oneMore(entryCount)]];
        await inSmallSegments.crash(`a last payload of ${payloadBytes} bytes`, groups);
      }
    });
  }
});

describe('a purge of many segments without a marker between', () => {
  const filled = [0, 1, 2, 3, 4, 5].map((at) => [{ entries: entriesFrom(3 + 2 * at, 2, 1, 9000) }]);

  it('with a crash at every call', async () => {
    const groups = [...filled, [{ hardState: state(1, 13) }], [{ purgeTo: 11 }]];
    await inSmallSegments.crash('a purge', groups, 7);
  });

  it('beside saves, with a crash at every call', async () => {
    const beside = [{ purgeTo: 11 }, { entries: entriesFrom(15, 2, 1, 9000) }, { sync: true }];
    const groups = [...filled, [{ hardState: state(1, 13) }], beside];
    await inSmallSegments.crash('a purge beside saves', groups, 7);
  });
});
