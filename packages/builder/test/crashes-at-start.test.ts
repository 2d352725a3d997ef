/** Crashes at each disk operation of a start: the next start succeeds and loses nothing. */
import { afterEach, describe, expect, it } from 'vitest';
import { peersOf } from './operators/site.ts';
import { CrashedError, World, type WorldOptions, type WorldProcess } from './operators/world.ts';

const untouched = (): never => {
  throw new Error('nothing of the kind happens here');
};

let world: World;

function newWorld(seed: number): void {
  world = new World(seed, { onDifference: untouched, onStopped: () => undefined });
}

afterEach(async () => {
  for (const process of world.running) await world.until(world.stop(process));
});

/** Starts member 1; resolves to false if the process crashed first. */
async function startUpTo(changes: number, given: WorldOptions): Promise<boolean> {
  const disk = world.disk('1');
  disk.stopAtMutation(disk.mutationCount + 1 + changes);
  try {
    const process = await world.until(world.start(1n, given));
    disk.stopWhen(() => false);
    await world.until(world.stop(process));
    return true;
  } catch (error) {
    if (error instanceof CrashedError) return false;
    throw error;
  }
}

async function texts(process: WorldProcess, proposed: string): Promise<string[]> {
  await world.until(process.raft.waitForLeader());
  await world.until(process.raft.propose(Buffer.from(proposed)));
  return process.machine.entries.map(({ text }) => text);
}

const peers = peersOf(1n);

describe('a crash at each change of the disk', () => {
  it.each([1, 2, 3])('while a first member starts: it starts again (seed %i)', async (seed) => {
    for (let changes = 0; ; changes += 1) {
      newWorld(seed * 1000 + changes);
      const isOver = await startUpTo(changes, { peers });
      const again = await world.until(world.start(1n, { peers }));
      expect(await texts(again, 'a')).toEqual(['a']);
      await world.until(world.stop(again));
      if (isOver) break;
    }
  });

  it.each([1, 2, 3])('while a survivor adopts its snapshots (seed %i)', async (seed) => {
    for (let changes = 0; ; changes += 1) {
      newWorld(seed * 1000 + changes);
      const first = await world.until(world.start(1n, { peers }));
      await texts(first, 'a');
      await world.until(first.raft.manualSnapshot());
      await world.until(world.stop(first));
      const { surgery } = world.disk('1');
      for (const path of surgery.files()) if (path.startsWith('/data/wal/')) surgery.remove(path);
      const isOver = await startUpTo(changes, { alone: { adoptSnapshots: true } });
      // A start without the option `alone` must not continue the interrupted recovery.
      const early = world.until(world.start(1n, { peers }));
      await early.catch((error: unknown) => expect(error).toMatchObject({ code: 'RAFT_LOG_LOST' }));
      for (const process of world.running) await world.until(world.stop(process));
      const again = await world.until(world.start(1n, { alone: { adoptSnapshots: true } }));
      expect(await texts(again, 'b')).toEqual(['a', 'b']);
      await world.until(world.stop(again));
      if (isOver) break;
    }
  });
});
