/** Mistakes with nodes of other clusters, and with addresses. */
import type { NewMember } from '@babuza/raft';
import type { Seat } from './cluster.ts';
import { addressOf } from './component.ts';
import { mend, stopped, type Mistake } from './mistakes-with-disks.ts';
import type { Operators } from './operators.ts';
import { readFiles, type Files } from './directories.ts';
import { peersOf, type ProcessOptions } from './site.ts';
import type { WorldProcess } from './world.ts';

/** A node that was once started alone under the same cluster id is added as a member. */
export const addStray: Mistake = async (operators) => {
  const { cluster, random, world } = operators;
  const seat = cluster.newSeat();
  seat.isBusy = true;
  seat.isIntact = false;
  const peers = peersOf(seat.id);
  const stray = await cluster.tryProcess(seat.id, { peers });
  if (!('process' in stray)) return;
  seat.process = stray.process;
  await writeTo(operators, stray.process, 1 + random.below(20));
  if (random.chance(0.5)) {
    await world.stop(stray.process);
    const again = await cluster.tryProcess(seat.id, random.chance(0.5) ? { peers } : {});
    if ('process' in again) seat.process = again.process;
  }
  const voters = cluster.voters();
  const sinceMs = world.clock.monotonicMs();
  const member = { id: seat.id, address: addressOf(seat.id) };
  // One voter of one cannot be without a quorum afterwards.
  const asVoter = voters.length > 1 && random.chance(0.5);
  const isAdded = await addTo(cluster.leader(), member, asVoter, world.patience(3000));
  world.log(`stray ${seat.id} is added as ${asVoter ? 'voter' : 'learner'}: ${isAdded}`);
  await operators.noticed('stray added', seat.id, sinceMs, () => isAdded);
  await operators.remove(seat);
};

async function addTo(
  leader: WorldProcess | undefined,
  member: NewMember,
  asVoter: boolean,
  signal: AbortSignal,
): Promise<boolean> {
  if (leader === undefined) return false;
  const { raft } = leader;
  const adding = asVoter
    ? raft.addVotingPeer(member, { signal })
    : raft.addLearner(member, { signal });
  return adding.then(
    () => true,
    () => false,
  );
}

/** In the place of a member a node runs that began alone, or as a member of another cluster. */
export const replaceByStray: Mistake = async (operators, seat) => {
  const { cluster, random, world } = operators;
  const match = operators.knownMatch(seat);
  const leadership = cluster.leadership();
  const right = await stopped(operators, seat);
  const isOfSamePeers = random.chance(0.6);
  const files = await otherCluster(operators, seat, isOfSamePeers);
  world.log(`a node of another cluster runs in the place of member ${seat.id}`);
  cluster.damaged(seat);
  operators.putFiles(seat, files);
  const sinceMs = world.clock.monotonicMs();
  await cluster.tryStart(seat);
  const name = `stray in place of a member, ${isOfSamePeers ? 'same peers' : 'alone'}`;
  await operators.noticed(name, seat.id, sinceMs, () => {
    return match !== undefined && leadership === cluster.leadership();
  });
  await mend(operators, seat, right, sinceMs);
};

/** A member is started at an address that the membership does not have. */
export const moveAway: Mistake = async (operators, seat) => {
  const { cluster, world } = operators;
  await stopped(operators, seat);
  const sinceMs = world.clock.monotonicMs();
  await cluster.tryStart(seat, { address: `elsewhere-${seat.id}` });
  await addressNoticed(operators, 'address that the membership does not have', [seat], sinceMs);
  await cluster.stop(seat);
  await cluster.start(seat);
};

/** Two members are started with each other's addresses. */
export const exchangeAddresses: Mistake = async (operators, seat) => {
  const { cluster, world } = operators;
  const other = operators.another(seat);
  if (other === undefined) return;
  other.isBusy = true;
  await stopped(operators, seat);
  await stopped(operators, other);
  const sinceMs = world.clock.monotonicMs();
  await cluster.tryStart(seat, { address: addressOf(other.id) });
  await cluster.tryStart(other, { address: addressOf(seat.id) });
  await addressNoticed(operators, 'exchanged addresses', [seat, other], sinceMs);
  for (const each of [seat, other]) await cluster.stop(each);
  for (const each of [seat, other]) await cluster.start(each);
  other.isBusy = false;
};

/** A member whose address is wrong is not ready: nobody reaches it. A single one needs nobody. */
async function addressNoticed(
  operators: Operators,
  name: string,
  seats: readonly Seat[],
  sinceMs: number,
): Promise<void> {
  const { cluster, world } = operators;
  const untilMs = world.clock.monotonicMs() + 6000;
  const isNoticed = (): boolean =>
    seats.every((seat) => {
      const readiness = cluster.processOf(seat)?.raft.readiness();
      return readiness?.ready !== true || operators.isReported(seat.id, sinceMs);
    });
  while (!isNoticed() && world.clock.monotonicMs() < untilMs) await world.sleep(200);
  const isDue = cluster.voters().length > seats.length;
  if (isDue && !isNoticed()) world.fail(`${name}: nobody reports it`);
  operators.counted(name, isNoticed());
}

/** The directory of a member of another cluster with the same cluster id. */
async function otherCluster(
  operators: Operators,
  seat: Seat,
  isOfSamePeers: boolean,
): Promise<Files> {
  const { cluster, random, world } = operators;
  const network = world.newNetwork();
  const isFounder = cluster.founders.includes(seat.id);
  const ids = isOfSamePeers && isFounder ? cluster.founders : [seat.id];
  const options = random.chance(0.5) ? {} : { options: { clusterToken: 'another' } };
  const given: ProcessOptions = { peers: peersOf(...ids), ...options };
  const processes: WorldProcess[] = [];
  const diskOf = (id: bigint): string => `another ${id} of ${world.clock.monotonicMs()}`;
  for (const id of ids) {
    const started = await cluster.tryProcess(id, { ...given, network, disk: diskOf(id) });
    if ('process' in started) processes.push(started.process);
  }
  await world.sleep(random.pick([0, 1500]));
  const leader = processes.find(({ raft }) => raft.status().role === 'leader');
  if (leader !== undefined) await writeTo(operators, leader, random.below(20));
  for (const process of processes) await world.stop(process);
  return readFiles(world.disk(diskOf(seat.id)));
}

async function writeTo(
  { world, cluster }: Operators,
  process: WorldProcess,
  times: number,
): Promise<void> {
  for (let time = 0; time < times && world.isRunning(process); time += 1) {
    const signal = world.patience(500);
    const text = `stray ${process.id}, ${world.clock.monotonicMs()}, ${time}`;
    await process.raft.propose(Buffer.from(text), { signal }).catch(() => world.sleep(300));
  }
  await world.sleep(cluster.random.below(300));
}
