/** Logs whose syncs are turned off: the promise that a close still makes for them. */
import { describe, expect, it } from 'vitest';
import { runWorkload, simulatedEnvironment } from '../../src/index.ts';
import { entriesFrom, metadata, type BackEnd } from '../../src/ladder/index.ts';

interface Options {
  readonly inline?: boolean;
  readonly segmentBytes?: number;
}

export function testNoFsync(backEnd: BackEnd<Options>): void {
  describe('a log whose syncs are turned off', () => {
    for (const inline of [false, true]) {
      // The last case has a single segment, whose head was written with a sync.
      for (const [bytes, entries] of [
        [1000, 60],
        [5000, 60],
        [1000, 3],
      ] as const) {
        it(`is durable after a close in all of its segments (${entries} times ${bytes} bytes, inline ${inline})`, async () => {
          const environment = simulatedEnvironment(1);
          await runWorkload(environment, async () => {
            const manager = backEnd.open(environment, { inline, segmentBytes: 13 * 4096 });
            const { wal } = await manager.createWal(metadata);
            wal.setUnsafeNoFsync();
            for (let first = 1; first <= entries; first += 3) {
              await wal.save({ entries: entriesFrom(first, 3, 1, bytes) });
            }
            expect(wal.stats.segments > 1).toBe(entries > 3);
            await manager.close();
          });
          for (let seed = 1; seed <= 4; seed += 1) {
            const after = simulatedEnvironment(seed, environment.fileSystem.crash(seed));
            await runWorkload(after, async () => {
              const { storage } = await backEnd.open(after).replayWal();
              expect(storage.entries(1, entries + 1, Infinity)).toEqual(
                entriesFrom(1, entries, 1, bytes),
              );
            });
          }
        });
      }
    }
  });
}
