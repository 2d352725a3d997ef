/**
 * The actions of operators when something is wrong: they look for reports, put directories back and
 * replace members.
 */
import type { StandaloneOptions } from '@babuza/raft';
import type { SeededRandom } from '@babuza/testkit';
import { isFree, type Cluster, type Copy, type Seat } from './cluster.ts';
import { addressOf } from './component.ts';
import { noFiles, readFiles, replaceFiles, type Files } from './directories.ts';
import { identityKey } from './state-ledger.ts';
import type { World, WorldProcess } from './world.ts';

/** The time within which each detectable mistake must be reported, in ms. */
const noticedWithinMs = 6000;
const replacedWithinMs = 30_000;

export interface MistakeCounts {
  made: number;
  /** The number of mistakes that had to be reported. */
  due: number;
  reported: number;
}

export class Operators {
  readonly cluster: Cluster;
  readonly world: World;
  readonly random: SeededRandom;
  readonly counts = new Map<string, MistakeCounts>();

  constructor(cluster: Cluster, random: SeededRandom) {
    this.cluster = cluster;
    this.world = cluster.world;
    this.random = random;
  }

  filesOf(seat: Seat): Files {
    return readFiles(this.world.disk(String(seat.id)));
  }

  putFiles(seat: Seat, files: Files, folder?: Parameters<typeof replaceFiles>[2]): void {
    replaceFiles(this.world.disk(String(seat.id)), files, folder);
  }

  /** Another member with which nothing is wrong. */
  another(seat: Seat): Seat | undefined {
    return this.cluster.seats.find((each) => each !== seat && isFree(each));
  }

  copyOf(seat: Seat): Copy {
    this.cluster.sample();
    const { starts } = seat;
    // Entries in flight may or may not be in the copy: the last index is an upper bound.
    const lastIndex = this.cluster.processOf(seat)?.raft.status().lastIndex ?? seat.lastIndex;
    return { files: this.filesOf(seat), starts, lastIndex };
  }

  /** The leader, with what it knows of a member, if the member takes part at the moment. */
  knownMatch(seat: Seat): number | undefined {
    const status = this.cluster.leader()?.raft.status();
    const progress = status?.progress.find(({ id }) => id === seat.id);
    // After that time the leader has met this start of the member, not only an earlier one.
    const isMet = this.world.clock.monotonicMs() > seat.startedMs + 1500;
    if (status === undefined || !isMet || progress?.recentlyActive !== true) return undefined;
    return progress.matchIndex === 0
      ? undefined
      : Math.min(progress.matchIndex, status.commitIndex);
  }

  /**
   * Waits until a mistake with this member is reported. Where it is due, because a leader that
   * knows better leads all the time, its absence is a violation.
   */
  async noticed(name: string, id: bigint, sinceMs: number, isDue: () => boolean): Promise<boolean> {
    const { world } = this;
    const counts = this.#countsOf(name);
    const untilMs = world.clock.monotonicMs() + noticedWithinMs;
    let wasDue = true;
    for (;;) {
      wasDue &&= isDue();
      const isReported = this.isReported(id, sinceMs);
      if (isReported || world.clock.monotonicMs() >= untilMs) {
        counts.made += 1;
        if (wasDue) counts.due += 1;
        if (isReported) counts.reported += 1;
        else if (wasDue) world.fail(`${name} with member ${id} was not reported`);
        return isReported;
      }
      await world.sleep(100);
    }
  }

  /** Whether something was told about this member, or this member says that it is among others. */
  isReported(id: bigint, sinceMs: number): boolean {
    return this.world.reports.some(({ atMs, about, by, text }) => {
      const isToldThere =
        by.startsWith(`${id} (`) && /refuses this member|belongs to another cluster/.test(text);
      return atMs >= sinceMs && (about === id || isToldThere);
    });
  }

  /** Counts a mistake whose report was looked at elsewhere. */
  counted(name: string, isReported: boolean): void {
    const counts = this.#countsOf(name);
    counts.made += 1;
    if (isReported) counts.reported += 1;
  }

  /** The newest directory is put back, and the member goes on. */
  async putBack(seat: Seat, files: Files): Promise<void> {
    await this.cluster.stop(seat);
    this.cluster.mended(seat);
    this.putFiles(seat, files);
    await this.cluster.start(seat);
  }

  /** The id is removed from the cluster, and a new one with an empty directory is added. */
  async replace(seat: Seat): Promise<void> {
    if (!(await this.remove(seat))) return;
    this.putFiles(seat, noFiles);
    await this.add();
  }

  /** The id is removed from the cluster; its process ends. */
  async remove(seat: Seat): Promise<boolean> {
    const { cluster, world } = this;
    await cluster.stop(seat);
    const isDone = await this.#untilDone(`the removal of ${seat.id}`, async (leader) => {
      if (!isMember(leader, seat.id)) return;
      await leader.raft.removePeer(seat.id, { signal: world.patience(3000) });
    });
    if (isDone) seat.isGone = true;
    return isDone;
  }

  /** A new member, with a directory of its own, that becomes a voter. */
  async add(): Promise<void> {
    const { cluster, world } = this;
    const seat = cluster.newSeat();
    seat.isBusy = true;
    await cluster.start(seat);
    const member = { id: seat.id, address: addressOf(seat.id) };
    await this.#untilDone(`the addition of ${seat.id}`, async (leader) => {
      const signal = world.patience(3000);
      if (!isMember(leader, seat.id)) await leader.raft.addLearner(member, { signal });
      const found = leader.raft.clusterInfo().members.find(({ id }) => id === seat.id);
      if (found?.role !== 'voter') await leader.raft.promoteLearner(seat.id, { signal });
    });
    seat.isBusy = false;
  }

  /** The quorum is gone for good: the member with the longest log goes on alone, with new ones. */
  async recover(survivor: Seat, alone: StandaloneOptions = {}): Promise<void> {
    const { cluster, world } = this;
    const { promises, identity } = cluster;
    for (const seat of cluster.seats) await cluster.stop(seat);
    const highest = cluster.highestIndex;
    const endedMs = world.clock.monotonicMs();
    if (identity !== undefined) promises.ended(identity, endedMs);
    const started = await cluster.tryProcess(survivor.id, { alone }, (process) => {
      survivor.process = process;
      survivor.starts += 1;
      cluster.identity = identityKey(process.raft.clusterInfo());
    });
    if ('code' in started) {
      world.fail(`the recovery of ${survivor.id} ended with ${started.code}`);
      return;
    }
    // Members without their disks may have led a cluster of their own: the one that ends is the
    // survivor's.
    const former = started.process.raft.clusterInfo().identity.previous.at(-1);
    const formerKey =
      former === undefined ? undefined : identityKey({ identity: { ...former, previous: [] } });
    if (formerKey !== undefined) promises.ended(formerKey, endedMs);
    // All that the survivor has is kept; without its log that is what its snapshot holds.
    const { entries } = started.process.machine;
    const keptIndex = alone.adoptSnapshots ? (entries.at(-1)?.index ?? 0) : survivor.lastIndex;
    promises.lost(keptIndex, highest);
    for (const seat of cluster.seats) if (seat !== survivor) seat.isGone = true;
    world.log(`member ${survivor.id} goes on alone`);
  }

  /** Repeats until it has worked; whoever leads is asked. */
  async #untilDone(what: string, act: (leader: WorldProcess) => Promise<void>): Promise<boolean> {
    const { world, cluster } = this;
    const untilMs = world.clock.monotonicMs() + replacedWithinMs;
    let problem: unknown = 'nobody leads';
    while (world.clock.monotonicMs() < untilMs) {
      const leader = cluster.leader();
      if (leader !== undefined) {
        try {
          await act(leader);
          return true;
        } catch (error) {
          problem = error;
        }
      }
      await world.sleep(300);
    }
    if (!cluster.isSplit) world.fail(`${what} came to nothing: ${String(problem)}`);
    return false;
  }

  #countsOf(name: string): MistakeCounts {
    const counts = this.counts.get(name) ?? { made: 0, due: 0, reported: 0 };
    this.counts.set(name, counts);
    return counts;
  }
}

const isMember = ({ raft }: WorldProcess, member: bigint): boolean =>
  raft.clusterInfo().members.some(({ id }) => id === member);
