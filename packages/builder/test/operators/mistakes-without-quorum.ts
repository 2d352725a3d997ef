/** The quorum is lost: the cluster stops, and one member continues alone. */
import type { Seat } from './cluster.ts';
import { noFiles, type Files } from './directories.ts';
import { stopped, type Mistake } from './mistakes-with-disks.ts';
import { isFree } from './cluster.ts';
import type { Operators } from './operators.ts';

/**
 * Most voters lose their disks and start again with empty ones. One of those that are left is
 * recovered; then a lost disk is found again, and its member comes back.
 */
export const loseMost: Mistake = async (operators, seat) => {
  const { cluster, random, world } = operators;
  const voters = cluster.voters();
  const others = voters.filter((voter) => voter !== seat);
  // No other operator may be working, because the whole cluster changes.
  if (voters.length < 2 || !voters.includes(seat) || !others.every(isFree)) return;
  if (cluster.seats.some((each) => !each.isGone && each.isBusy && each !== seat)) return;
  const lostCount = Math.ceil(voters.length / 2);
  const lost = [seat, ...others].slice(0, lostCount);
  for (const each of voters) each.isBusy = true;
  const leader = cluster.leader();
  const isKnown = leader !== undefined && lost.every((each) => operators.knownMatch(each));
  const disks = new Map<Seat, Files>();
  for (const each of lost) disks.set(each, await stopped(operators, each));
  cluster.wiped(lost);
  for (const each of lost) operators.putFiles(each, noFiles);
  const sinceMs = world.clock.monotonicMs();
  world.log(`members ${lost.map(({ id }) => id).join(', ')} have lost their disks`);
  for (const each of lost) {
    if (random.chance(0.7)) await cluster.tryStart(each);
    else await cluster.tryJoin(each);
  }
  const isSurvivor = lost.every((each) => cluster.processOf(each)?.id !== leader?.id);
  const isDue = (): boolean => isKnown && isSurvivor && world.isRunning(leader);
  await operators.noticed('most disks lost', seat.id, sinceMs, isDue);
  await world.sleep(random.below(3000));
  const left = voters.filter((voter) => !lost.includes(voter));
  cluster.sample();
  const survivor = left.reduce((best, each) => (each.lastIndex > best.lastIndex ? each : best));
  await operators.recover(survivor);
  survivor.isBusy = false;
  await comeBack(operators, lost, disks);
  for (let added = 1; added < voters.length; added += 1) await operators.add();
};

/**
 * Members of the old cluster on their original disks: they and the recovered one refuse each other.
 */
async function comeBack(
  operators: Operators,
  lost: readonly Seat[],
  disks: ReadonlyMap<Seat, Files>,
): Promise<void> {
  const { cluster, random, world } = operators;
  if (random.chance(0.3)) return;
  const sinceMs = world.clock.monotonicMs();
  for (const each of lost) {
    operators.putFiles(each, disks.get(each) ?? noFiles);
    await cluster.tryStart(each);
  }
  const [first] = lost;
  if (first === undefined) return;
  // The report comes when a member campaigns, so its absence is allowed.
  await operators.noticed('come back after a recovery', first.id, sinceMs, () => false);
  for (const each of lost) await cluster.stop(each);
}

/** The log of a single member is lost: it goes on from its newest snapshot. */
export const loseOnlyLog: Mistake = async (operators, seat) => {
  const { cluster, world } = operators;
  if (cluster.voters().length !== 1 || !cluster.voters().includes(seat)) return;
  if (cluster.seats.some((each) => !each.isGone && each !== seat)) return;
  await stopped(operators, seat);
  cluster.wiped([seat]);
  operators.putFiles(seat, noFiles, '/data/wal/');
  const sinceMs = world.clock.monotonicMs();
  await cluster.tryStart(seat);
  await operators.noticed('the only log lost', seat.id, sinceMs, () => true);
  await operators.recover(seat, { adoptSnapshots: true });
  seat.isIntact = true;
};
