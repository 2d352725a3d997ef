/** A cluster from the operators' point of view: members with their directories and processes. */
import type { Member } from '@babuza/raft';
import type { SeededRandom } from '@babuza/testkit';
import { addressOf } from './component.ts';
import type { Files } from './directories.ts';
import { Promises } from './promises.ts';
import { peersOf, type ProcessOptions } from './site.ts';
import { identityKey, type IdentityKey } from './state-ledger.ts';
import { CrashedError, type World, type WorldOptions, type WorldProcess } from './world.ts';

/** A copy of the directory of a member, as a backup or a clone of its volume. */
export interface Copy {
  readonly files: Files;
  /** The number of starts of the member when the copy was made. */
  readonly starts: number;
  readonly lastIndex: number;
}

export interface Seat {
  readonly id: bigint;
  /** A founder is started with the list of the first members, others join. */
  readonly isFounder: boolean;
  process: WorldProcess | undefined;
  starts: number;
  startedMs: number;
  /** The last index of its log after its first start, from the first members or a backup. */
  firstLastIndex: number | undefined;
  /** The commit index at the last orderly shutdown; 0 if the process ended otherwise. */
  orderlyIndex: number;
  /** An operator is working on this member. */
  isBusy: boolean;
  /** The directory is the newest one of this member. */
  isIntact: boolean;
  /** The member was removed from the cluster. */
  isGone: boolean;
  heldIndex: number;
  lastIndex: number;
  copies: Copy[];
}

/** A healthy member on which no operator is working. */
export const isFree = ({ isBusy, isIntact, isGone }: Seat): boolean =>
  !isBusy && isIntact && !isGone;

export type Started = { readonly process: WorldProcess } | { readonly code: string };

export class Cluster {
  readonly world: World;
  readonly random: SeededRandom;
  readonly promises = new Promises();
  readonly seats: Seat[];
  readonly config: ProcessOptions['config'];
  readonly founders: readonly bigint[];
  /** An exported snapshot that the cluster begins with. */
  backup: Uint8Array | undefined;
  /** The cluster identity that acknowledged first, or with which an operator continued. */
  identity: IdentityKey | undefined;
  /** More was lost than the cluster can survive, so nothing is checked any more. */
  isSplit = false;
  #highestIndex = 0;
  #members: readonly Member[];

  constructor(
    world: World,
    random: SeededRandom,
    memberCount: number,
    config: ProcessOptions['config'],
  ) {
    this.world = world;
    this.random = random;
    this.config = config;
    this.founders = Array.from({ length: memberCount }, (_, at) => BigInt(at + 1));
    this.seats = this.founders.map((id) => newSeat(id, true));
    this.#members = this.founders.map((id) => ({
      id,
      address: addressOf(id),
      role: 'voter',
      services: {},
    }));
  }

  newSeat(): Seat {
    const id = this.seats.reduce((max, seat) => (seat.id > max ? seat.id : max), 0n) + 1n;
    const seat = newSeat(id, false);
    this.seats.push(seat);
    return seat;
  }

  /** The running process of the member, if any. */
  processOf(seat: Seat): WorldProcess | undefined {
    return this.world.isRunning(seat.process) ? seat.process : undefined;
  }

  leader(): WorldProcess | undefined {
    const leading = this.seats
      .map((seat) => this.processOf(seat))
      .filter((process) => process !== undefined)
      .filter(({ raft, clock }) => !clock.isPaused && raft.status().role === 'leader')
      .filter(({ raft }) => this.#isOurs(identityKey(raft.clusterInfo())))
      .sort((a, b) => b.raft.status().term - a.raft.status().term);
    return leading[0];
  }

  /** The leader and its term as a text, or `undefined` without a leader. */
  leadership(): string | undefined {
    const leader = this.leader();
    return leader === undefined ? undefined : `${leader.label} ${leader.raft.status().term}`;
  }

  /** The members according to the process with the highest applied index. */
  members(): readonly Member[] {
    const known = this.seats
      .filter(({ isIntact }) => isIntact)
      .map((seat) => this.processOf(seat))
      .filter((process) => process !== undefined)
      .filter(({ raft }) => this.#isOurs(identityKey(raft.clusterInfo())))
      .filter(({ raft }) => raft.clusterInfo().members.length > 0)
      .sort((a, b) => b.raft.status().appliedIndex - a.raft.status().appliedIndex);
    this.#members = known[0]?.raft.clusterInfo().members ?? this.#members;
    return this.#members;
  }

  voters(): Seat[] {
    const ids = new Set(this.members().flatMap(({ id, role }) => (role === 'voter' ? id : [])));
    return this.seats.filter(({ id }) => ids.has(id));
  }

  /** Records the last index of each log. */
  sample(): void {
    for (const seat of this.seats) {
      const process = this.processOf(seat);
      if (process === undefined) continue;
      const { appliedIndex, lastIndex } = process.raft.status();
      this.#highestIndex = Math.max(this.#highestIndex, lastIndex);
      // Ignore a wrong directory: its log is not the member's log.
      if (!seat.isIntact) continue;
      seat.heldIndex = Math.max(seat.heldIndex, appliedIndex);
      seat.lastIndex = Math.max(seat.lastIndex, lastIndex);
    }
  }

  /** The last index of the longest log that was seen. */
  get highestIndex(): number {
    // A process may have gone since the last look.
    return Math.max(this.#highestIndex, this.world.ledger.highestIndex);
  }

  /** The directory of this member is no longer its newest one. */
  damaged(seat: Seat): void {
    this.sample();
    const voters = this.voters();
    const intact = voters.filter((voter) => voter !== seat && voter.isIntact);
    if (voters.includes(seat)) this.promises.damaged(voters.length, intact, this.highestIndex);
    seat.isIntact = false;
  }

  /** The directories of these members are lost and not replaced. */
  wiped(seats: readonly Seat[]): void {
    this.sample();
    const voters = this.voters();
    for (const seat of seats) seat.isIntact = false;
    const intact = voters.filter(({ isIntact }) => isIntact);
    // A member that has met nobody yet is not known by its log: with its old disk and with a new
    // one it counts in two quorums that have no voter in common.
    const areMet = seats.every((seat) => seat.lastIndex > (seat.firstLastIndex ?? 0));
    this.promises.wiped(voters.length, intact, areMet ? this.highestIndex : Infinity);
  }

  /** The newest directory was put back. */
  mended(seat: Seat): void {
    this.damaged(seat);
    seat.isIntact = true;
  }

  async tryStart(seat: Seat, given: WorldOptions = {}): Promise<Started> {
    if (!seat.isFounder) return this.tryJoin(seat, given);
    const peers = peersOf(...this.founders);
    const options = this.backup === undefined ? {} : { snapshot: streamOf(this.backup) };
    return this.tryJoin(seat, { peers, options, ...given });
  }

  /** The same without a list of first members. */
  async tryJoin(seat: Seat, given: WorldOptions = {}): Promise<Started> {
    return this.tryProcess(seat.id, given, (process) => {
      seat.process = process;
      seat.starts += 1;
      seat.startedMs = this.world.clock.monotonicMs();
      seat.firstLastIndex ??= process.raft.status().lastIndex;
    });
  }

  async tryProcess(
    id: bigint,
    given: WorldOptions,
    started: (process: WorldProcess) => void = () => undefined,
  ): Promise<Started> {
    const { world, config } = this;
    try {
      const process = await world.start(id, { ...given, config: { ...config, ...given.config } });
      started(process);
      return { process };
    } catch (error) {
      const code = String(Reflect.get(Object(error), 'code'));
      if (error instanceof CrashedError) return { code };
      world.report(`the start of ${id}`, id, String(error));
      if (code === 'undefined') world.fail(`the start of ${id} ended without a code`, error);
      return { code };
    }
  }

  /** A member whose directory is right starts, perhaps after a start that a crash has ended. */
  async start(seat: Seat): Promise<void> {
    let started: Started | undefined;
    if (this.random.chance(0.15)) {
      const disk = this.world.disk(String(seat.id));
      disk.stopAtMutation(disk.mutationCount + 1 + this.random.below(40));
      started = await this.tryStart(seat);
      if ('code' in started && started.code === 'CRASHED') started = undefined;
      else disk.stopWhen(() => false);
    }
    started ??= await this.tryStart(seat);
    if ('code' in started) this.world.fail(`member ${seat.id} does not start on its own directory`);
  }

  async stop(seat: Seat): Promise<void> {
    this.sample();
    const process = this.processOf(seat);
    if (process === undefined) return;
    const how = this.random.below(10);
    seat.orderlyIndex = how < 5 ? process.raft.status().commitIndex : 0;
    if (how < 5) await this.world.stop(process);
    else if (how < 8) this.world.crash(process, how === 5 ? 'kill' : 'power');
    else await this.world.crashSoon(process);
  }

  #isOurs(identity: IdentityKey | undefined): boolean {
    return this.identity === undefined || identity === this.identity;
  }
}

async function* streamOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function newSeat(id: bigint, isFounder: boolean): Seat {
  return {
    id,
    isFounder,
    process: undefined,
    starts: 0,
    startedMs: 0,
    firstLastIndex: undefined,
    orderlyIndex: 0,
    isBusy: false,
    isIntact: true,
    isGone: false,
    heldIndex: 0,
    lastIndex: 0,
    copies: [],
  };
}
