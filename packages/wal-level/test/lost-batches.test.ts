/**
 * A crash leaves a prefix of the batches, and the log opens with exactly that state. Damage in
 * LevelDB's own log can silently lose a batch in the middle. Opening notices the loss, unless the
 * remaining batches have the same content as the lost one.
 */
import { describe, expect, it } from 'vitest';
import type { LevelOperation } from '../src/database.ts';
import { hex, HostileStore, storeWith, type SeenBatch } from './hostile-store.ts';
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
  const store = new HostileStore();
  const manager = store.manager();
  const opened = await manager.createWal({ clusterId: 1, nodeId: 1 });
  const { batches } = store.hostility;
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
 * A database to which these batches were written, with all entries that a purge would have deleted.
 */
async function storeAfter(batches: readonly (SeenBatch | undefined)[]): Promise<HostileStore> {
  const content = new Map<string, Uint8Array>();
  const apply = (operation: LevelOperation): void => {
    if (operation.type === 'put') content.set(hex(operation.key), operation.value);
    else content.delete(hex(operation.key));
  };
  for (const batch of batches) batch?.operations.forEach(apply);
  return storeWith(content);
}

/** The content, or the code of the error. */
async function outcome(store: HostileStore): Promise<string> {
  return reopenedContent(store).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error) return String(error.code);
    throw error;
  });
}

describe('a crash', () => {
  it('after any batch leaves the log exactly as of that batch', async () => {
    for (let seed = 1; seed <= seeds; seed += 1) {
      const { batches, contents, calls } = await history(seed);
      for (let count = 1; count <= batches.length; count += 1) {
        const content = await outcome(await storeAfter(batches.slice(0, count)));
        expect(content, `seed ${seed} behind ${calls[count - 1]} ${count}`).toBe(
          contents[count - 1],
        );
      }
    }
  });

  it('during the deletions of a purge does not change the log', async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const random = randomFrom(seed);
      const { batches, contents } = await history(seed);
      const store = await storeAfter(batches);
      const first = Number(contents.at(-1)?.split(' ', 1)[0]);
      for (const key of (await store.dump()).keys()) {
        const isEntry = key.slice(16, 18) === '50';
        const index = Number.parseInt(key.slice(18), 16);
        if (isEntry && index < first && random(2) === 0) await store.del(key);
      }
      await store.database.close();
      expect(await outcome(store), `seed ${seed}`).toBe(contents.at(-1));
    }
  });
});

describe('a batch that the database silently lost', () => {
  it('is noticed, unless the newest batch contains everything that it contained', async () => {
    let noticed = 0;
    for (let seed = 1; seed <= seeds; seed += 1) {
      const { batches, contents, calls } = await history(seed);
      for (let lost = 0; lost < batches.length - 1; lost += 1) {
        const rest = batches.map((batch, at) => (at === lost ? undefined : batch));
        const content = await outcome(await storeAfter(rest));
        if (content === 'WAL_CORRUPT') noticed += 1;
        else expect(content, `seed ${seed} without ${calls[lost]} ${lost}`).toBe(contents.at(-1));
      }
    }
    expect(noticed).toBeGreaterThan(seeds);
  });

  it('is noticed when several are lost', async () => {
    for (let seed = 1; seed <= 4 * seeds; seed += 1) {
      const random = randomFrom(seed + 1000);
      const { batches, contents } = await history(seed);
      const rest = batches.map((batch, at) =>
        at < batches.length - 1 && random(4) === 0 ? undefined : batch,
      );
      const content = await outcome(await storeAfter(rest));
      if (content !== 'WAL_CORRUPT') expect(content, `seed ${seed}`).toBe(contents.at(-1));
    }
  });

  it('cannot be noticed if it is the last one: the log is as before it', async () => {
    const { batches, contents } = await history(5);
    expect(await outcome(await storeAfter(batches.slice(0, -1)))).toBe(contents.at(-2));
  });
});
