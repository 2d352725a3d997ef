/**
 * SIGKILL at a random moment of a real process that writes to a real directory, fifty times over the same
 * log. `BABUZA_KILLS` sets how often.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { killRepeatedly } from '@babuza/testkit/ladder';
import { NativeWalManager } from '../src/index.ts';

const kills = Number(process.env['BABUZA_KILLS'] ?? 10);
const writer = fileURLToPath(new URL('support/writer.mjs', import.meta.url));

it(
  `${kills} processes killed at random moments lose nothing that was acknowledged`,
  async () => {
    const directory = await mkdtemp(`${tmpdir()}/babuza-kill-`);
    try {
      const seed = Number(process.env['BABUZA_SEED'] ?? 1);
      const open = (path: string) => new NativeWalManager(path, { segmentBytes: 256 * 1024 });
      const entries = await killRepeatedly({ directory, writer, kills, seed, open });
      console.log(`${kills} kills, ${entries} entries were acknowledged`);
      expect(entries).toBeGreaterThan(kills);
    } finally {
      await rm(directory, { recursive: true });
    }
  },
  60_000 + 10_000 * kills,
);
