/** Mistakes with duplicated volumes, and with processes that stand still. */
import { SimulatedDisk } from '@babuza/testkit';
import type { Seat } from './cluster.ts';
import { replaceFiles, type Files } from './directories.ts';
import { mend, stopped, type Mistake } from './mistakes-with-disks.ts';
import type { Operators } from './operators.ts';

/** Two processes run on copies of one volume, at two addresses. */
export const runBothCopies: Mistake = async (operators, seat) => {
  const { cluster, random, world } = operators;
  // With a single member each copy is the whole cluster, so nothing can tell them apart.
  if (cluster.voters().length === 1) return;
  const right = await stopped(operators, seat);
  const disk = cloneDisk(operators, seat, right);
  const sinceMs = world.clock.monotonicMs();
  world.log(`two processes of member ${seat.id} run on copies of its disk`);
  const { leadership, match } = await original(operators, seat);
  const clone = await cluster.tryProcess(seat.id, { disk, address: `elsewhere-${seat.id}` });
  await operators.noticed('copies at two addresses', seat.id, sinceMs, () => {
    // A member that knows its leader is not disturbed by a clone that nobody can reach.
    return match && leadership === cluster.leadership() && cluster.voters().includes(seat);
  });
  if ('process' in clone) await world.stop(clone.process);
  // Members that have heard the clone first refuse the original: it starts once more.
  await cluster.stop(seat);
  await cluster.start(seat);
  await world.sleep(random.below(500));
};

/** The original runs and ends; then a process runs on the copy in its place. */
export const runCopyAfterwards: Mistake = async (operators, seat) => {
  const { cluster, random, world } = operators;
  // With a single member each copy is the whole cluster, so nothing can tell them apart.
  if (cluster.voters().length === 1) return;
  const copy = await stopped(operators, seat);
  const { match, leadership } = await original(operators, seat);
  await world.sleep(random.below(3000));
  const right = await stopped(operators, seat);
  world.log(`member ${seat.id} goes on on a copy of its disk`);
  cluster.damaged(seat);
  operators.putFiles(seat, copy);
  const sinceMs = world.clock.monotonicMs();
  await cluster.tryStart(seat);
  await operators.noticed('copies one after the other', seat.id, sinceMs, () => {
    return match && leadership === cluster.leadership();
  });
  await mend(operators, seat, right, sinceMs);
};

/** A process stands still, another one is started on its disk, and the first one goes on. */
export const startTwiceWhilePaused: Mistake = async (operators, seat) => {
  const { cluster, random, world } = operators;
  const process = cluster.processOf(seat);
  if (process === undefined) return;
  const sinceMs = world.clock.monotonicMs();
  world.pause(process);
  await world.sleep(random.pick([500, 3000, 12_000]));
  const address = random.chance(0.5) ? process.address : `elsewhere-${seat.id}`;
  const second = await cluster.tryProcess(seat.id, { address });
  await world.sleep(random.below(1000));
  world.resume(process);
  await operators.noticed('started twice', seat.id, sinceMs, () => true);
  if ('process' in second) await world.stop(second.process);
};

/** The original starts; tells whether the leader has met it, and who leads. */
async function original(
  operators: Operators,
  seat: Seat,
): Promise<{ match: boolean; leadership: string | undefined }> {
  const { cluster, world } = operators;
  await cluster.start(seat);
  await world.sleep(1600);
  const leadership = cluster.leadership();
  return { match: operators.knownMatch(seat) !== undefined, leadership };
}

function cloneDisk({ world }: Operators, { id }: Seat, files: Files): string {
  const name = `copy of ${id}`;
  world.setDisk(name, new SimulatedDisk({ seed: world.random.uint32() }));
  replaceFiles(world.disk(name), files);
  return name;
}
