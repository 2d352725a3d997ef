/**
 * The check of tables on the simulated disk with generated tables: blocks of sizes around the read
 * window, several tables, and tables that cannot be read.
 */
import { describe, expect, it } from 'vitest';
import { SimulatedDisk } from '@babuza/testkit';
import { checkTables } from '../src/table-check.ts';
import { madeTable, type MadeTable } from './support/made-table.ts';

const windowBytes = 64;
const trailerBytes = 5;
const damagedTable = { code: 'WAL_CORRUPT', verdict: 'damaged-table' };

async function diskWith(tables: Readonly<Record<string, Uint8Array>>): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk({ seed: 1 });
  await disk.makeDirectory('/db');
  for (const [name, bytes] of Object.entries(tables)) disk.surgery.put(`/db/${name}`, bytes);
  return disk;
}

/** The tables in use in the form of LevelDB's property. */
const inUse = (...numbers: readonly number[]): string =>
  ['--- level 0 ---', ...numbers.map((number) => ` ${number}:1000['a' @ 1 : 1 .. 'b' @ 2 : 1]`)]
    .concat('')
    .join('\n');

/** The offsets of the first and last byte of each block, of its type, and of its checksum. */
function offsetsToDamage({ blocks }: MadeTable): number[] {
  return blocks.flatMap(({ offset, bytes }) => [
    offset,
    offset + Math.max(0, bytes - 1),
    offset + bytes,
    offset + bytes + trailerBytes - 1,
  ]);
}

function withFlippedBit(file: Uint8Array, at: number): Uint8Array {
  return file.map((byte, position) => (position === at ? byte ^ 0x10 : byte));
}

describe('the check of every block', () => {
  const around = [windowBytes - trailerBytes, windowBytes, 2 * windowBytes].flatMap((bytes) => [
    bytes - 1,
    bytes,
    bytes + 1,
  ]);
  it.each([0, 1, 8, ...around])('with blocks of %i bytes, read 64 at a time', async (bytes) => {
    const table = madeTable([bytes, 8, bytes, bytes + 1, 8]);
    const disk = await diskWith({ '000005.ldb': table.file });
    await checkTables(disk, '/db', inUse(5), true, windowBytes);
    for (const at of offsetsToDamage(table)) {
      disk.surgery.put('/db/000005.ldb', withFlippedBit(table.file, at));
      const check = checkTables(disk, '/db', inUse(5), true, windowBytes);
      await expect(check, `at ${at}`).rejects.toMatchObject(damagedTable);
    }
    expect(disk.openPaths).toEqual([]);
  });
});

describe('the check at each opening', () => {
  it('covers the index and the filter, but no block of entries', async () => {
    const table = madeTable([100, 100]);
    const disk = await diskWith({});
    const entries = new Set<number>();
    for (const [number, { offset, bytes }] of table.blocks.entries()) {
      disk.surgery.put('/db/000005.ldb', withFlippedBit(table.file, offset + (bytes >> 1)));
      const outcome = await checkTables(disk, '/db', inUse(5), false).catch((error) => error);
      if (outcome === undefined) entries.add(number);
      else expect(outcome).toMatchObject(damagedTable);
    }
    expect([...entries]).toEqual([0, 1]);
  });
});

describe('the check of several tables', () => {
  const { file } = madeTable([100]);
  const damaged = withFlippedBit(file, 50);

  it('covers each of them, even after one that a compaction has replaced', async () => {
    const disk = await diskWith({ '000005.ldb': file, '000007.ldb': damaged });
    await checkTables(disk, '/db', inUse(4, 5), true);
    const check = checkTables(disk, '/db', inUse(4, 5, 6, 7), true);
    await expect(check).rejects.toMatchObject({ ...damagedTable, file: '/db/000007.ldb' });
    expect(disk.openPaths).toEqual([]);
  });

  it('covers those with the old extension', async () => {
    const disk = await diskWith({ '000005.sst': damaged });
    const check = checkTables(disk, '/db', inUse(5), true);
    await expect(check).rejects.toMatchObject({ ...damagedTable, file: '/db/000005.sst' });
  });

  it.each(['open', 'size', 'read'] as const)(
    'does not take one that cannot be read (%s) for a missing one, and closes it',
    async (on) => {
      const disk = await diskWith({ '000005.ldb': file });
      disk.inject({ on, fault: { type: 'error', kind: 'io' } });
      const check = checkTables(disk, '/db', inUse(5), true);
      await expect(check).rejects.toMatchObject({ kind: 'io' });
      expect(disk.openPaths).toEqual([]);
    },
  );
});
