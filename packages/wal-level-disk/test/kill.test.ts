/**
 * SIGKILL at random moments of a real process that writes to LevelDB, again and again on the same
 * log: also while it opens, while LevelDB replaces its log, and while it compacts. `BABUZA_KILLS`
 * is the number of kills, `BABUZA_SEED` the seed.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { SeededRandom } from '@babuza/testkit';
import { CheckedWriter } from './support/checked-writer.ts';

const kills = Number(process.env['BABUZA_KILLS'] ?? 10);
const firstSeed = Number(process.env['BABUZA_SEED'] ?? 1);

it(
  `${kills} processes killed at random moments lose nothing that was acknowledged`,
  async () => {
    const directory = await mkdtemp(`${tmpdir()}/babuza-level-kill-`);
    const writer = new CheckedWriter(directory);
    const random = new SeededRandom(firstSeed);
    let whileOpening = 0;
    try {
      for (let kill = 0; kill < kills; kill += 1) {
        // Every second process is killed after its first acknowledgement, however slow the machine
        // is. The others are killed while they open the log, or right after.
        const afterAcknowledgement = kill % 2 === 1;
        const afterMs = random.below(afterAcknowledgement ? 250 : 80);
        let isOpen = false;
        let timer: ReturnType<typeof setTimeout> | undefined;
        const { failure, ended } = await writer.run({
          seed: firstSeed * 10_000 + kill,
          batches: 0,
          onLine: (line, child) => {
            isOpen ||= line === 'open';
            if (afterAcknowledgement && !line.startsWith('done')) return;
            timer ??= setTimeout(() => child.kill('SIGKILL'), afterMs);
          },
        });
        clearTimeout(timer);
        const context = `seed ${firstSeed}, kill ${kill + 1} after ${afterMs} ms`;
        expect([failure, ended], context).toEqual([undefined, false]);
        if (!isOpen) whileOpening += 1;
        expect((await writer.check()).violations, context).toEqual([]);
      }
      console.log(
        `${kills} kills, ${whileOpening} of them while the log was opened; ${writer.acknowledged} batches were acknowledged, none was lost`,
      );
      expect(writer.acknowledged).toBeGreaterThanOrEqual(Math.floor(kills / 2));
    } finally {
      await rm(directory, { recursive: true });
    }
  },
  60_000 + 20_000 * kills,
);
