/**
 * SIGKILL at a random moment of a real process that writes to a real directory, repeatedly over the
 * same log. `BABUZA_KILLS` sets how often.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { WalManager } from '@babuza/wal-core';
import { expect, it } from 'vitest';
import { killRepeatedly } from '../../src/ladder/index.ts';

/** `writer` is the path of the program that is killed. */
export function testKills(writer: URL, open: (directory: string) => WalManager): void {
  const kills = Number(process.env['BABUZA_KILLS'] ?? 10);
  it(
    `${kills} processes killed at random moments lose nothing that was acknowledged`,
    async () => {
      const directory = await mkdtemp(`${tmpdir()}/babuza-kill-`);
      try {
        const seed = Number(process.env['BABUZA_SEED'] ?? 1);
        const killed = { directory, writer: fileURLToPath(writer), kills, seed, open };
        const entries = await killRepeatedly(killed);
        console.log(`${kills} kills, ${entries} entries were acknowledged`);
        expect(entries).toBeGreaterThan(kills);
      } finally {
        await rm(directory, { recursive: true });
      }
    },
    60_000 + 10_000 * kills,
  );
}
