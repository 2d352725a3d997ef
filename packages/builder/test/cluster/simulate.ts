/**
 * Simulates a whole cluster in one process from one seed: real nodes with the native log on
 * simulated disks, a simulated network and clock, clients, and faults of all kinds. At the end the
 * faults are repaired and everything must settle. Then acknowledged operations, applied entries,
 * logs and the clients' history are checked.
 */
import {
  checkKeyValueHistory,
  SeededRandom,
  SimulatedClock,
  turnOfEventLoop,
  type KeyValueOperation,
} from '@babuza/testkit';
import { MemoryNetwork } from '@babuza/transport-memory';
import { Client } from './client.ts';
import { noCoincidences, type Coincidences } from './coincidences.ts';
import {
  leaderOf,
  membershipDiffers,
  membersOf,
  quorumDiffers,
  unfinished,
  type Complaint,
} from './settled.ts';
import { AppliedLedger } from './ledger.ts';
import { addressOf, type Incarnation } from './incarnation.ts';
import { logsDiffer } from './logs.ts';
import { Member } from './member.ts';
import { Nemesis } from './nemesis.ts';
import { drawOptions, type ClusterOptions } from './options.ts';

export interface SimulationReport {
  readonly seed: number;
  readonly options: ClusterOptions;
  readonly operations: number;
  readonly unknown: number;
  readonly applied: number;
  readonly crashes: number;
  readonly installed: number;
  readonly members: number;
  readonly coincidences: Coincidences;
  readonly simulatedMs: number;
}

/** A violation: the rule that was broken, and the log lines before it. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

const settleMs = 20_000;
/** Ten election timeouts: within this time another node must lead if the leader's disk hangs. */
const goesOnMs = 2000;
const checkerStepsMax = 2_000_000;

export async function simulate(seed: number): Promise<SimulationReport> {
  const simulation = new Simulation(seed);
  return simulation.run();
}

class Simulation {
  readonly #seed: number;
  readonly #random: SeededRandom;
  readonly #clock = new SimulatedClock();
  readonly #network: MemoryNetwork;
  readonly #ledger = new AppliedLedger();
  readonly #coincidences = noCoincidences();
  readonly #options: ClusterOptions;
  readonly #members: Member[];
  readonly #clients: Client[];
  readonly #nemesis: Nemesis;
  readonly #lines: string[] = [];
  #violation: Violation | undefined;
  #place = 0;
  #isHostile = true;
  #isOver = false;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = new SeededRandom(seed);
    const random = this.#random;
    const clock = this.#clock;
    this.#options = drawOptions(random.fork());
    const options = this.#options;
    this.#network = new MemoryNetwork({ clock, random: random.fork() });
    const network = this.#network;
    const fail = (problem: string, cause?: unknown): void => this.#fail(problem, cause);
    const log = (line: string): void => this.#log(line);
    const ids = Array.from({ length: options.memberCount + options.spareCount }, (_, at) =>
      BigInt(at + 1),
    );
    const peers = ids.slice(0, options.memberCount).map((id) => ({ id, address: addressOf(id) }));
    const leaders = new Map<number, string>();
    const coincidences = this.#coincidences;
    const ledger = this.#ledger;
    const parts = { options, clock, network, ledger, peers, leaders, coincidences, fail, log };
    this.#members = ids.map((id) => new Member(id, { ...parts, random: random.fork() }));
    const members = this.#members;
    this.#clients = Array.from({ length: options.clientCount }, (_, number) => {
      const nextPlace = (): number => (this.#place += 1);
      const nodes = () => members.flatMap(({ incarnation }) => incarnation?.raft ?? []);
      return new Client(number, {
        options,
        clock,
        random: random.fork(),
        ledger,
        nodes,
        nextPlace,
        coincidences,
        fail,
      });
    });
    this.#nemesis = new Nemesis({ options, clock, random: random.fork(), network, members, log });
  }

  async run(): Promise<SimulationReport> {
    const { hostileMs, memberCount } = this.#options;
    const founders = this.#members.slice(0, memberCount);
    await this.#until(Promise.all(founders.map((member) => member.start())));
    const clients = this.#clients.map((client) => client.runUntil(() => this.#isOver));
    this.#clock.startTimer(hostileMs, () => {
      this.#isHostile = false;
    });
    await this.#until(this.#nemesis.runUntil(() => !this.#isHostile));
    await this.#until(this.#settle());
    await this.#until(this.#checkHungDisk());
    this.#isOver = true;
    await this.#until(Promise.all(clients));
    await this.#until(this.#check());
    const report = this.#report();
    await this.#until(this.#end());
    return report;
  }

  /** Lets time pass until the promise settles; a violation ends everything. */
  async #until<T>(promise: Promise<T>): Promise<T> {
    const state = { settled: false };
    const ended = promise.finally(() => {
      state.settled = true;
    });
    ended.catch(() => undefined);
    for (;;) {
      await turnOfEventLoop();
      if (this.#violation !== undefined) throw this.#violation;
      if (state.settled) return ended;
      if (!this.#clock.fireNext())
        this.#fail('nothing is left to happen, and something still waits');
      if (this.#clock.monotonicMs() > 120_000) this.#fail('it does not come to an end');
    }
  }

  /**
   * Repairs all faults. All members must run, removed ones must end, and all must apply the same
   * entries.
   */
  async #settle(): Promise<void> {
    this.#network.heal({ faults: true });
    for (const member of this.#members) {
      member.makeSpace();
      member.slow.heal();
      if (member.isDown) member.revive('kill');
      if (member.isGone) await member.shutdown(false);
      else if (member.hasStarted && member.incarnation === undefined) await member.start();
    }
    const untilMs = this.#clock.monotonicMs() + settleMs;
    while (!this.#isSettled()) {
      if (this.#clock.monotonicMs() > untilMs) this.#fail(`it does not settle: ${this.#state()}`);
      await this.#clock.sleep(50);
    }
  }

  /**
   * There is a leader, and every running member has caught up to the leader's position of a moment
   * ago.
   */
  #isSettled(): boolean {
    const statuses = this.#running().map(({ raft }) => raft.status());
    const leader = statuses.find(({ role }) => role === 'leader');
    if (leader === undefined) return false;
    return statuses
      .filter(({ nodeId }) => leader.progress.some(({ id }) => id === nodeId))
      .every(({ appliedIndex }) => appliedIndex > 0 && appliedIndex >= leader.commitIndex - 20);
  }

  /** Checks that the cluster continues under another leader while only the leader's disk hangs. */
  async #checkHungDisk(): Promise<void> {
    const leader = await this.#leaderThatAppliedAll();
    const info = leader?.incarnation?.raft.clusterInfo();
    const voters = (info?.members ?? []).filter(({ role }) => role === 'voter');
    if (leader?.incarnation === undefined || voters.length < 3) return;
    leader.hangDisk();
    this.#log(`the disk of node ${leader.id} hangs, and nothing else is wrong`);
    leader.incarnation.raft.barrier().catch(() => undefined);
    const untilMs = this.#clock.monotonicMs() + goesOnMs;
    while (!(await this.#goesOnWithout(leader.id))) {
      if (this.#clock.monotonicMs() > untilMs) {
        this.#fail(`nothing goes on while one disk hangs: ${this.#state()}`);
        return;
      }
      await this.#clock.sleep(20);
    }
    leader.releaseDisk();
    await this.#settle();
  }

  /**
   * Resolves to the leader once it has applied its whole log. Before that it may not know a
   * committed membership change and count a learner as a voter.
   */
  async #leaderThatAppliedAll(): Promise<Member | undefined> {
    const untilMs = this.#clock.monotonicMs() + goesOnMs;
    while (this.#clock.monotonicMs() <= untilMs) {
      const leader = this.#members.find(
        ({ incarnation }) => incarnation?.raft.status().role === 'leader',
      );
      if (leader?.incarnation !== undefined && (await this.#appliesBarrier(leader.incarnation)))
        return leader;
      await this.#clock.sleep(20);
    }
    return undefined;
  }

  /** Resolves when another node leads and has applied an entry of its own term. */
  async #goesOnWithout(id: bigint): Promise<boolean> {
    const next = leaderOf(this.#running().filter(({ raft }) => raft.nodeId !== id));
    return next !== undefined && (await this.#appliesBarrier(next));
  }

  async #appliesBarrier({ raft }: Incarnation): Promise<boolean> {
    const abort = new AbortController();
    const timer = this.#clock.startTimer(400, () => abort.abort());
    try {
      await raft.barrier({ signal: abort.signal });
      return true;
    } catch {
      return false;
    } finally {
      timer.cancel();
    }
  }

  async #check(): Promise<void> {
    // After the clients have stopped, all replicas must reach the same state.
    await this.#untilNo(unfinished);
    await this.#checkMembership();
    const difference = logsDiffer(
      this.#running().map(({ raft, storage }) => ({ id: raft.nodeId, storage })),
    );
    if (difference !== undefined) this.#fail(difference);
    const verdict = checkKeyValueHistory(this.#history(), checkerStepsMax);
    if (verdict.verdict === 'violated') {
      this.#fail(
        `the history of ${verdict.key} is not linearizable:\n${this.#historyOf(verdict.key ?? '')}`,
      );
    }
    // A history that could not be checked in time is a failure.
    if (verdict.verdict === 'unknown')
      this.#fail(`the history of ${verdict.key} was not judged in time`);
  }

  /** The quorum of a core can be observed only while it leads, so each voter leads for a moment. */
  async #checkMembership(): Promise<void> {
    await this.#untilNo(membershipDiffers);
    await this.#checkQuorums();
    for (const { raft } of this.#running()) {
      const leader = leaderOf(this.#running())?.raft;
      const member = leader?.clusterInfo().members.find(({ id }) => id === raft.nodeId);
      if (leader === raft || member?.role !== 'voter') continue;
      await leader?.transferLeader(raft.nodeId).catch(() => undefined);
      await this.#untilNo(membershipDiffers);
    }
  }

  /**
   * A membership change without effect passes through every core, which then reports its
   * configuration; the snapshot behind it shows that.
   */
  async #checkQuorums(): Promise<void> {
    await this.#again(async () => {
      const raft = leaderOf(this.#running())?.raft;
      await raft?.publishApplicationService({ name: 'judge', address: 'anywhere' });
      return raft !== undefined;
    });
    await this.#untilNo(unfinished);
    for (const { raft } of membersOf(this.#running())) {
      await this.#again(async () => (await raft.manualSnapshot()) !== undefined);
    }
    await this.#untilNo(() => quorumDiffers(this.#members));
  }

  /** Repeats the attempt until it succeeds. */
  async #again(attempt: () => Promise<boolean>): Promise<void> {
    const untilMs = this.#clock.monotonicMs() + settleMs;
    let problem: unknown;
    for (;;) {
      const isDone = await attempt().catch((error: unknown) => {
        problem = error;
        return false;
      });
      if (isDone) return;
      if (this.#clock.monotonicMs() > untilMs) {
        this.#fail(`an operation never succeeds: ${this.#state()}`, problem);
        return;
      }
      await this.#clock.sleep(50);
    }
  }

  async #untilNo(complaintOf: (incarnations: readonly Incarnation[]) => Complaint): Promise<void> {
    const untilMs = this.#clock.monotonicMs() + settleMs;
    for (;;) {
      const complaint = complaintOf(this.#running());
      if (complaint === undefined) return;
      if (this.#clock.monotonicMs() > untilMs) {
        this.#fail(`${complaint}: ${this.#state()}`);
        return;
      }
      await this.#clock.sleep(50);
    }
  }

  /** An orderly shutdown leaves nothing behind. */
  async #end(): Promise<void> {
    for (const member of this.#members) {
      const clock = member.incarnation?.clock;
      await member.shutdown(this.#random.chance(0.3));
      if (clock !== undefined && clock.pendingCount > 0) {
        this.#fail(`node ${member.id} left ${clock.pendingCount} timers`);
      }
    }
  }

  #running(): Incarnation[] {
    return this.#members.flatMap(({ incarnation }) => incarnation ?? []);
  }

  #history(): KeyValueOperation[] {
    return this.#clients.flatMap(({ operations }) => operations);
  }

  #historyOf(key: string): string {
    return this.#history()
      .filter(({ input }) => input.key === key)
      .sort((a, b) => a.calledAt - b.calledAt)
      .map(({ client, input, calledAt, returned }) => {
        const answer = returned === undefined ? '?' : `${returned.at}: ${String(returned.output)}`;
        return `${calledAt} client ${client} ${JSON.stringify(input)} → ${answer}`;
      })
      .join('\n');
  }

  #state(): string {
    return this.#running()
      .map(({ raft }) => {
        const { role, term, commitIndex, appliedIndex, lastIndex } = raft.status();
        return `${raft.nodeId}: ${role} of ${term}, log to ${lastIndex}, committed ${commitIndex}, applied ${appliedIndex}`;
      })
      .join('; ');
  }

  #report(): SimulationReport {
    const history = this.#history();
    return {
      seed: this.#seed,
      options: this.#options,
      operations: history.length,
      unknown: history.filter(({ returned }) => returned === undefined).length,
      applied: this.#ledger.highest,
      crashes: this.#nemesis.counts.crashes,
      installed: this.#members.reduce((sum, { installed }) => sum + installed, 0),
      coincidences: this.#coincidences,
      members: this.#members.filter(({ hasStarted }) => hasStarted).length,
      simulatedMs: this.#clock.monotonicMs(),
    };
  }

  #log(line: string): void {
    this.#lines.push(`${this.#clock.monotonicMs().toFixed(1)} ms: ${line}`);
  }

  #fail(problem: string, cause?: unknown): void {
    const why = cause instanceof Error ? `: ${cause.message}` : '';
    const before = this.#lines.slice(-25).join('\n');
    const text = `seed ${this.#seed}, ${this.#clock.monotonicMs().toFixed(1)} ms: ${problem}${why}\n${before}`;
    this.#violation ??= new Violation(text, { cause });
  }
}
