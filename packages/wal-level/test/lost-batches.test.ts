/**
 * What a crash leaves (a prefix of the batches), and what LevelDB can do after rot in its own log
 * (a batch in the middle is gone without a word). The first always opens, to exactly that state;
 * the second is always noticed, unless the rest says everything that the lost batch said.
 */
import { describe, expect, it } from 'vitest';
import type { LevelOperation } from '../src/database.ts';
import { hex, HostilePlace, placeWith, type SeenBatch } from './hostile-level.ts';
import { contentOf, randomFrom, randomStep, reopenedContent } from './samples.ts';

const seeds = 60;
const steps = 25;

interface History {
  readonly batches: readonly SeenBatch[];
  /** The content after each batch. */
  readonly contents: readonly string[];
  readonly calls: readonly string[];
}

async function history(seed: number): Promise<History> {
  const random = randomFrom(seed);
  const place = new HostilePlace();
  const manager = place.manager();
  const opened = await manager.createWal({ clusterId: 1, nodeId: 1 });
  const { batches } = place.hostility;
  const contents = [contentOf(opened)];
  const calls = ['create'];
  for (let step = 0; step < steps; step += 1) {
    const call = await randomStep(opened, random);
    if (batches.length === contents.length) continue;
    const state = opened.storage.initialState();
    const snapshots = await manager.findSnapshots();
    contents.push(contentOf({ ...opened, hardState: state.hardState, snapshots }));
    calls.push(call);
    expect(batches.length, `one batch for one call: ${call}`).toBe(contents.length);
  }
  const kept = [...batches];
  await manager.close();
  return { batches: kept, contents, calls };
}

/**
 * A database to which these batches were written, none of whose entries were deleted by a purge.
 */
async function placeAfter(batches: readonly (SeenBatch | undefined)[]): Promise<HostilePlace> {
  const content = new Map<string, Uint8Array>();
  const apply = (operation: LevelOperation): void => {
    if (operation.type === 'put') content.set(hex(operation.key), operation.value);
    else content.delete(hex(operation.key));
  };
  for (const batch of batches) batch?.operations.forEach(apply);
  return placeWith(content);
}

/** The content, or the code of the error. */
async function outcome(place: HostilePlace): Promise<string> {
  return reopenedContent(place).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error) return String(error.code);
    throw error;
  });
}

describe('a crash', () => {
  it('behind any batch: the log is exactly as of then', async () => {
    for (let seed = 1; seed <= seeds; seed += 1) {
      const { batches, contents, calls } = await history(seed);
      for (let count = 1; count <= batches.length; count += 1) {
        const content = await outcome(await placeAfter(batches.slice(0, count)));
        expect(content, `seed ${seed} behind ${calls[count - 1]} ${count}`).toBe(
          contents[count - 1],
        );
      }
    }
  });

  it('of whatever a purge had deleted by then, the log is the same', async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const random = randomFrom(seed);
      const { batches, contents } = await history(seed);
      const place = await placeAfter(batches);
      const first = Number(contents.at(-1)?.split(' ', 1)[0]);
      for (const key of (await place.dump()).keys()) {
        const isEntry = key.slice(16, 18) === '50';
        const index = Number.parseInt(key.slice(18), 16);
        if (isEntry && index < first && random(2) === 0) await place.del(key);
      }
      await place.database.close();
      expect(await outcome(place), `seed ${seed}`).toBe(contents.at(-1));
    }
  });
});

describe('a batch that the database lost without a word', () => {
  it('is noticed, unless the newest batch says all that it said', async () => {
    let noticed = 0;
    for (let seed = 1; seed <= seeds; seed += 1) {
      const { batches, contents, calls } = await history(seed);
      for (let lost = 0; lost < batches.length - 1; lost += 1) {
        const rest = batches.map((batch, at) => (at === lost ? undefined : batch));
        const content = await outcome(await placeAfter(rest));
        if (content === 'WAL_CORRUPT') noticed += 1;
        else expect(content, `seed ${seed} without ${calls[lost]} ${lost}`).toBe(contents.at(-1));
      }
    }
    expect(noticed).toBeGreaterThan(seeds);
  });

  it('several of them', async () => {
    for (let seed = 1; seed <= 4 * seeds; seed += 1) {
      const random = randomFrom(seed + 1000);
      const { batches, contents } = await history(seed);
      const rest = batches.map((batch, at) =>
        at < batches.length - 1 && random(4) === 0 ? undefined : batch,
      );
      const content = await outcome(await placeAfter(rest));
      if (content !== 'WAL_CORRUPT') expect(content, `seed ${seed}`).toBe(contents.at(-1));
    }
  });

  it('the very last one cannot be noticed: the log is as before it', async () => {
    const { batches, contents } = await history(5);
    expect(await outcome(await placeAfter(batches.slice(0, -1)))).toBe(contents.at(-2));
  });
});
