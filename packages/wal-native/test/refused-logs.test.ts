/** Logs whose frames were chosen one by one and that are refused as damaged. */
import { describe, expect, it } from 'vitest';
import { sealBytes } from '../src/format/seal.ts';
import { chain, errorOf, headAt, third, two, unsealed, without } from './support/crafted-chain.ts';
import {
  CraftedSegment,
  diskOf,
  entry,
  firstHead,
  hardState,
  recoverFrom,
  start,
  tail,
} from './support/crafted-log.ts';

interface Refused {
  readonly name: string;
  readonly segments: () => readonly CraftedSegment[];
  readonly error: Readonly<Record<string, unknown>>;
}

const sealed = { code: 'WAL_CORRUPT', verdict: 'corrupt-sealed' };
const disordered = { code: 'WAL_CORRUPT', verdict: 'corrupt-order' };
const durable = { code: 'WAL_CORRUPT', verdict: 'corrupt-durable' };

const refused: readonly Refused[] = [
  {
    name: 'entries before a mark are damaged',
    segments: () => [third().mark().lose(-4, -3)],
    error: { ...durable, firstIndex: 3, lastIndex: 4 },
  },
  {
    name: 'durable entries are damaged, and later ones follow',
    segments: () => [
      third()
        .batch([entry(5), entry(6)])
        .lose(-6, -5),
    ],
    error: { ...durable, firstIndex: 3, lastIndex: 4 },
  },
  {
    name: 'durable entries are damaged together with the end of their batch',
    segments: () => [
      third()
        .batch([entry(5), entry(6)])
        .lose(-6, -3),
    ],
    error: { ...durable, firstIndex: 3, lastIndex: 6 },
  },
  {
    name: 'a durable hard state is damaged',
    segments: () => [
      two()
        .batch([hardState(3)])
        .mark()
        .lose(-3, -2),
    ],
    error: { ...durable, firstIndex: 3, lastIndex: undefined },
  },
  {
    name: 'a durable hard state is damaged, and entries follow that overwrite others',
    segments: () => [
      third()
        .batch([hardState(3)])
        .batch([entry(2, 2)])
        .lose(-4, -2),
    ],
    error: { ...durable, firstIndex: 2, lastIndex: 2 },
  },
  {
    name: 'the head of the only segment is damaged',
    segments: () => [two().lose(0, 1)],
    error: { ...durable, offset: 8192 },
  },
  {
    name: 'the head of the newest of two segments is damaged',
    segments: () => {
      const [first, second] = chain(2);
      return first === undefined || second === undefined ? [] : [first, second.lose(1, 2)];
    },
    error: durable,
  },
  {
    name: 'a whole batch does not follow',
    segments: () => [two().batch([entry(9)])],
    error: { code: 'WAL_CORRUPT', verdict: 'corrupt-order', message: /entry 9 follows entry 2/ },
  },
  {
    name: 'a batch is of another group',
    segments: () => [two().batch([{ ...entry(3), groupId: 8n }])],
    error: { code: 'WAL_CORRUPT', verdict: 'corrupt-order' },
  },
  {
    name: 'the hard state commits an entry that does not exist',
    segments: () => [two().batch([hardState(1, 3)])],
    error: { verdict: 'corrupt-order', message: /entries before the last one are missing/ },
  },
  ...[0, 1].map((at): Refused => ({
    name: `segment ${at + 1} of 3 is missing`,
    segments: () => without(chain(3), at),
    error: { verdict: 'corrupt-missing', message: new RegExp(`segment ${at + 1} is missing`) },
  })),
  {
    name: 'the successor of a sealed segment is missing',
    segments: () => without(chain(3), 2),
    error: { verdict: 'corrupt-missing', message: /but segment 3 is missing/ },
  },
  {
    name: 'a segment exists twice',
    segments: () => [two(), new CraftedSegment(firstHead, { salt: 9 })],
    error: { code: 'WAL_FOREIGN', message: /00000009\.wal.* exists twice/ },
  },
  ...[{ clusterId: 9n }, { nodeId: 9n }, { entryBytesMax: 9 }, { predecessorSalt: 9 }].map(
    (header): Refused => ({
      name: `the newest segment has another ${Object.keys(header).join('')}`,
      segments: () => chain(2, header),
      error: {
        code: 'WAL_FOREIGN',
        message: /does not follow .*: the two files belong to different logs/,
      },
    }),
  ),
  ...[{ framesEnd: 9000 }, { nextSalt: 9 }, { lastBatchNumber: 9 }].map((seal): Refused => ({
    name: `a seal has another ${Object.keys(seal).join('')}`,
    segments: () => chain(2, {}, seal),
    error: sealed,
  })),
  {
    name: 'there is no seal, and a batch follows the head of the successor',
    segments: () => unsealed((second) => second.batch([entry(3)])),
    error: { ...sealed, message: /the seal is damaged/ },
  },
  {
    name: 'there is no seal, and an interrupted batch follows the head of the successor',
    segments: () => unsealed((second) => second.batch([entry(3)], { missing: true })),
    error: sealed,
  },
  {
    name: 'there is no seal, and the end of a batch follows the head of the successor',
    segments: () => unsealed((second) => second.batch([], { frameCount: 1 })),
    error: sealed,
  },
  {
    name: 'there is no seal, and the last batch is damaged',
    segments: () => {
      const [first, second] = unsealed((segment) => segment);
      return first === undefined || second === undefined ? [] : [first.lose(-1, 0), second];
    },
    error: { ...sealed, firstIndex: 1, lastIndex: 2 },
  },
  {
    name: 'the head has no tail',
    segments: () => [new CraftedSegment([hardState(0), start(0, 0, 1)])],
    error: { ...disordered, message: /the head of the segment is incomplete/ },
  },
  {
    name: 'the head has a start of a wrong length',
    segments: () => [
      new CraftedSegment([
        hardState(0),
        { ...start(0, 0, 1), body: new Uint8Array(7) },
        tail(0, 0),
      ]),
    ],
    error: { ...disordered, message: /the body of a start frame has a wrong length/ },
  },
  {
    name: 'the head says that the log begins in a later segment',
    segments: () => [new CraftedSegment([hardState(0), start(0, 0, 2), tail(0, 0)])],
    error: { ...disordered, message: /the log begins in segment 2, and segment 1 is the newest/ },
  },
  {
    name: 'a purge says that the log begins in a later segment',
    segments: () => [two().batch([start(1, 1, 2)])],
    error: { ...disordered, message: /the log begins in segment 2, and this is segment 1/ },
  },
  {
    name: 'a purge says so, and the segment named by the head is missing',
    segments: () => {
      const second = two().next(headAt(2));
      return [second.batch([start(2, 1, 9)])];
    },
    error: { ...disordered, message: /the log begins in segment 9, and segment 2 is the newest/ },
  },
  {
    name: 'the first entry has a lower term than the one before it',
    segments: () => [
      new CraftedSegment([hardState(3), start(5, 3, 1), tail(5, 3)]).batch([entry(6, 2)]),
    ],
    error: { ...disordered, message: /the first entry has term 2, and the one before it term 3/ },
  },
  {
    name: 'a segment before the last two has no seal',
    segments: () => {
      const first = two();
      const second = first.next(headAt(2));
      const last = second.next(headAt(2));
      second.seal(last);
      return [first, second, last];
    },
    error: sealed,
  },
];

describe('a log is refused without a change,', () => {
  it.each(refused)('if $name', async ({ segments, error: { message, ...error } }) => {
    const disk = diskOf(segments());
    const seen = await errorOf(recoverFrom(disk));
    expect(seen).toBeInstanceOf(Error);
    expect(seen).toMatchObject(error);
    if (message instanceof RegExp) expect(String(seen)).toMatch(message);
    expect(disk.calls.filter(({ operation }) => /write|sync|unlink/.test(operation))).toEqual([]);
    expect(disk.openPaths).toEqual([]);
  });

  it('if the footer of a seal is damaged', async () => {
    const first = two();
    const second = first.next(headAt(2)).batch([entry(3), entry(4)]);
    first.seal(second, {}, [{ firstIndex: 1, offsets: [1, 2] }]);
    expect((await recoverFrom(diskOf([first, second]))).tail).toEqual({
      verdict: 'clean',
      bytesDropped: 0,
    });
    const footerAt = first.header.segmentBytes - sealBytes(1, 2);
    first.bytes[footerAt] = (first.bytes[footerAt] ?? 0) ^ 1;
    expect(await errorOf(recoverFrom(diskOf([first, second])))).toMatchObject({
      ...sealed,
      offset: footerAt,
      message: expect.stringContaining('the index footer is damaged'),
    });
  });
});
