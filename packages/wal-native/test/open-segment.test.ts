/** A segment file is opened only if it is intact and matches its name and its group. */
import { describe, expect, it } from 'vitest';
import type { SimulatedDisk } from '@babuza/testkit';
import { segmentName } from '../src/format/segment-name.ts';
import { openSegment, type OpenedSegment } from '../src/segment/open-segment.ts';
import { CraftedSegment, directory, diskOf, firstHead, groupId } from './support/crafted-log.ts';

const { header, bytes, path } = new CraftedSegment(firstHead);

interface Case {
  readonly name: string;
  readonly change: (contents: Uint8Array) => Uint8Array;
  readonly called?: { readonly segmentId?: number; readonly salt?: number };
  readonly group?: bigint;
  readonly repaired?: string;
  readonly error?: Readonly<Record<string, unknown>>;
}

const flipped =
  (...at: readonly number[]) =>
  (contents: Uint8Array): Uint8Array => {
    const copy = contents.slice();
    for (const byte of at) copy[byte] = (copy[byte] ?? 0) ^ 255;
    return copy;
  };
const same = (contents: Uint8Array): Uint8Array => contents;
const headerError = { code: 'WAL_CORRUPT', verdict: 'corrupt-header', offset: 0 };
const lengthError = { code: 'WAL_CORRUPT', verdict: 'corrupt-length' };

const cases: readonly Case[] = [
  { name: 'a whole segment', change: same },
  {
    name: 'a damaged first page',
    change: flipped(100),
    repaired: 'header page 1 of 2 is damaged; the other one is used',
  },
  {
    name: 'a damaged second page',
    change: flipped(4096 + 100),
    repaired: 'header page 2 of 2 is damaged; the other one is used',
  },
  {
    name: 'a lost first page',
    change: (contents) => contents.slice().fill(0, 0, 4096),
    repaired: 'header page 1 of 2 is damaged; the other one is used',
  },
  { name: 'two damaged pages', change: flipped(100, 4096 + 100), error: headerError },
  { name: 'a foreign and a damaged page', change: flipped(0, 4096 + 100), error: headerError },
  {
    name: 'two lost pages',
    change: (contents) => contents.slice().fill(0, 0, 8192),
    error: headerError,
  },
  {
    name: 'less than two pages',
    change: () => new Uint8Array(8000).fill(65),
    error: headerError,
  },
  {
    name: 'two pages of something else',
    change: () => new Uint8Array(8192).fill(65),
    error: { code: 'WAL_FOREIGN' },
  },
  {
    name: 'a file that is shorter than its length in its header',
    change: (contents) => contents.slice(0, -8),
    error: { ...lengthError, offset: bytes.length - 8 },
  },
  {
    name: 'a file that is longer than its length in its header',
    change: (contents) => new Uint8Array([...contents, 0, 0, 0, 0, 0, 0, 0, 0]),
    error: { ...lengthError, offset: bytes.length },
  },
  {
    name: 'a segment with another id in its name',
    change: same,
    called: { segmentId: 2 },
    error: { code: 'WAL_FOREIGN', message: expect.stringContaining('is segment 1 with salt c0ff') },
  },
  {
    name: 'a segment with another salt in its name',
    change: same,
    called: { salt: 2 },
    error: { code: 'WAL_FOREIGN', message: expect.stringContaining('under another name') },
  },
  {
    name: 'a segment of another group',
    change: same,
    group: 8n,
    error: {
      code: 'WAL_FOREIGN',
      message: expect.stringContaining('belongs to group 7, not to 8'),
    },
  },
];

describe('opening a segment', () => {
  async function opened({ change, called, group }: Case): Promise<{
    disk: SimulatedDisk;
    work: Promise<OpenedSegment>;
  }> {
    const name = segmentName(called?.segmentId ?? header.segmentId, called?.salt ?? header.salt);
    const disk = diskOf([]);
    disk.surgery.put(`${directory}/${name.fileName}`, change(bytes));
    return { disk, work: openSegment(disk, directory, name, group ?? groupId, 'read') };
  }

  it.each(cases)('answers to $name', async (each) => {
    const { disk, work } = await opened(each);
    if (each.error === undefined) {
      const { segment, repaired } = await work;
      expect([segment.header, segment.path, repaired]).toEqual([header, path, each.repaired]);
      return;
    }
    await expect(work).rejects.toMatchObject(each.error);
    expect(disk.openPaths).toEqual([]);
  });
});
