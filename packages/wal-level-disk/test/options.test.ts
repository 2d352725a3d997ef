/** The options: what they change and which values are refused. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { walBackend, type DiskWalOptions } from '../src/index.ts';

describe('options', () => {
  it('outside their range are named before anything is opened', async () => {
    const cases: [string, object][] = [
      ['writeBufferBytes', { writeBufferBytes: 1024 }],
      ['blockCacheBytes', { blockCacheBytes: -1 }],
      ['blockBytes', { blockBytes: 100 }],
      ['tableBytes', { tableBytes: 1.5 }],
      ['openTablesMax', { openTablesMax: 1 }],
      ['compactPurgedBytes', { compactPurgedBytes: -1 }],
      ['compression', { compression: 'snappy' }],
      ['cache.entriesMax', { cache: { entriesMax: -1, bytesMax: 0 } }],
      ['verifyOnOpen', { verifyOnOpen: 1 }],
      ['the option segmentBytes is unknown', { segmentBytes: 1 }],
    ];
    for (const [name, options] of cases) {
      await expect(walBackend.open('/nowhere', options), name).rejects.toMatchObject({
        code: 'WAL_INVALID',
        message: expect.stringContaining(name),
      });
    }
  });

  it('reach LevelDB', async () => {
    const bytes = async (options: DiskWalOptions): Promise<{ tables: number; logs: number }> => {
      const directory = await mkdtemp(`${tmpdir()}/babuza-level-options-`);
      try {
        await writeText(directory, options);
        const sizes = { tables: 0, logs: 0 };
        for (const name of await readdir(join(directory, 'db'))) {
          const { length } = await readFile(join(directory, 'db', name));
          if (name.endsWith('.ldb')) sizes.tables += length;
          if (name.endsWith('.log')) sizes.logs += length;
        }
        return sizes;
      } finally {
        await rm(directory, { recursive: true });
      }
    };
    const plain = await bytes({ writeBufferBytes: 64 * 1024 });
    const compressed = await bytes({ writeBufferBytes: 64 * 1024, compression: true });
    expect(compressed.tables).toBeLessThan(plain.tables / 4);
    const buffered = await bytes({ writeBufferBytes: 16 * 1024 * 1024 });
    expect(buffered.tables).toBe(0);
    expect(buffered.logs).toBeGreaterThan(2_000_000);
  });
});

/** Two MiB of data that compress well. */
async function writeText(directory: string, options: DiskWalOptions): Promise<void> {
  const manager = await walBackend.open(directory, options);
  const { wal } = await manager.createWal({ clusterId: 1, nodeId: 1 });
  const data = new TextEncoder().encode('the same text again and again '.repeat(300));
  for (let index = 1; index <= 240; index += 1) {
    await wal.save({ entries: [{ index, term: 1, type: 0, data }] });
  }
  await manager.close();
}
