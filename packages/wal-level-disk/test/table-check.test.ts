/** The checksum against its test vectors, and tables that would end the process. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { walBackend } from '../src/index.ts';
import { crc32cByTable } from '@babuza/wal-core/backend';

let directory = '';
let table = '';
let whole = new Uint8Array(0);

beforeAll(async () => {
  directory = await mkdtemp(`${tmpdir()}/babuza-level-table-`);
  const manager = await walBackend.open(directory);
  const { wal } = await manager.createWal({ clusterId: 1, nodeId: 1 });
  const data = new Uint8Array(500).map((_, at) => at * 7);
  const entries = Array.from({ length: 100 }, (_, at) => ({
    index: at + 1,
    term: 1,
    type: 0 as const,
    data,
  }));
  await wal.save({ entries });
  await manager.close();
  // The next opening writes the content of LevelDB's own log to a table.
  const again = await walBackend.open(directory);
  await again.replayWal();
  await again.close();
  const names = await readdir(join(directory, 'db'));
  table = join(directory, 'db', names.find((name) => name.endsWith('.ldb')) ?? '');
  whole = new Uint8Array(await readFile(table));
});

afterAll(() => rm(directory, { recursive: true }));

async function openWith(bytes: Uint8Array, verifyOnOpen = false): Promise<number> {
  await writeFile(table, bytes);
  const manager = await walBackend.open(directory, { verifyOnOpen });
  try {
    return (await manager.replayWal({})).storage.lastIndex();
  } finally {
    await manager.close();
  }
}

describe('CRC-32C', () => {
  it('has the values of its test vectors', () => {
    expect(crc32cByTable(0, new Uint8Array(32))).toBe(0x8a91_36aa);
    expect(crc32cByTable(0, new Uint8Array(32).fill(0xff))).toBe(0x62a8_ab43);
    expect(
      crc32cByTable(
        0,
        Uint8Array.from({ length: 32 }, (_, at) => at),
      ),
    ).toBe(0x46dd_794e);
    expect(crc32cByTable(0, new TextEncoder().encode('123456789'))).toBe(0xe306_9283);
  });
});

describe('a table', () => {
  it('without damage is read', async () => {
    expect(await openWith(whole)).toBe(100);
  });

  it('with any flipped bit in its footer or index is refused and named', async () => {
    // The footer has varints and zeros up to its last 8 bytes, then the magic number. The zeros
    // mean nothing, so damage there is not noticed.
    const index = whole.length - 48 - 60;
    let refused = 0;
    for (let at = index; at < whole.length; at += 1) {
      const damaged = new Uint8Array(whole);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
      const outcome = await openWith(damaged).catch((error: unknown) => error);
      if (outcome === 100) continue;
      refused += 1;
      expect(outcome, `at ${at}`).toMatchObject({ code: 'WAL_CORRUPT', verdict: 'damaged-table' });
      expect(outcome).toMatchObject({ file: table });
    }
    expect(refused).toBeGreaterThan(60);
    expect(await openWith(whole)).toBe(100);
  });

  it('with any damage to a block is refused when everything is verified on open', async () => {
    let refused = 0;
    for (let at = 3; at < whole.length - 48; at += 397) {
      const damaged = new Uint8Array(whole);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
      const outcome = await openWith(damaged, true).catch((error: unknown) => error);
      refused += 1;
      expect(outcome, `at ${at}`).toMatchObject({ code: 'WAL_CORRUPT', verdict: 'damaged-table' });
    }
    expect(refused).toBeGreaterThan(100);
    expect(await openWith(whole, true)).toBe(100);
  });

  it('that is cut is refused', async () => {
    for (const length of [0, 1, 47, 48, whole.length - 1]) {
      await expect(openWith(whole.subarray(0, length)), String(length)).rejects.toMatchObject({
        code: 'WAL_CORRUPT',
      });
    }
    expect(await openWith(whole)).toBe(100);
  });

  it('that is left over from a crash and not in use does not matter', async () => {
    await writeFile(table, whole);
    await writeFile(join(directory, 'db', '000999.ldb'), new Uint8Array(10));
    expect(await openWith(whole)).toBe(100);
  });
});
