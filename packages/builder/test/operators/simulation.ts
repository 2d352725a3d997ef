/**
 * A cluster, its clients, and operators who make mistakes, from one seed. At the end the mistakes
 * are undone as the documents say, everything must settle, and nothing that was promised may be
 * missing.
 */
import { SeededRandom } from '@babuza/testkit';
import { Cluster, isFree, type Seat } from './cluster.ts';
import { beginWrongly } from './mistakes-at-the-beginning.ts';
import { mistakes } from './mistakes.ts';
import { Operators, type MistakeCounts } from './operators.ts';
import { identityKey, type Difference } from './state-ledger.ts';
import { World, type WorldProcess } from './world.ts';

export interface OperatorReport {
  readonly seed: number;
  readonly members: number;
  readonly acknowledged: number;
  readonly identities: number;
  readonly isSplit: boolean;
  readonly counts: ReadonlyMap<string, MistakeCounts>;
  readonly simulatedMs: number;
  /** The lines of the run. */
  readonly lines: readonly string[];
}

const settledWithinMs = 30_000;

export async function simulateOperators(seed: number): Promise<OperatorReport> {
  const simulation = new Simulation(seed);
  try {
    return await simulation.run();
  } catch (error) {
    throw new Error(`seed ${seed}, ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

class Simulation {
  readonly #seed: number;
  readonly #random: SeededRandom;
  readonly #world: World;
  readonly #cluster: Cluster;
  readonly #operators: Operators;
  #isOver = false;
  #texts = 0;
  /** Mistakes that were made and not yet mended. */
  #mistakesNow = 0;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = new SeededRandom(seed);
    const random = this.#random;
    this.#world = new World(random.uint32(), {
      onDifference: (difference, process) => this.#differs(difference, process),
      onStopped: (process, cause) => this.#stopped(process, cause),
    });
    const memberCount = random.pick([1, 2, 3, 3, 3, 3, 4, 5]);
    const snapshotEntries = random.pick([Infinity, 8, 30]);
    const config = { snapshotEntries, compactionMargin: random.pick([0, 5]) };
    this.#cluster = new Cluster(this.#world, random.fork(), memberCount, config);
    this.#operators = new Operators(this.#cluster, random.fork());
  }

  async run(): Promise<OperatorReport> {
    const world = this.#world;
    await world.until(this.#begin());
    const clients = [0, 1].map((number) => this.#client(number));
    const restarts = this.#restarts();
    await world.until(this.#makeMistakes());
    this.#isOver = true;
    await world.until(Promise.all([...clients, restarts]));
    if (!this.#cluster.isSplit) await world.until(this.#settle());
    const report = {
      seed: this.#seed,
      members: this.#cluster.founders.length,
      acknowledged: this.#cluster.promises.acknowledged.length,
      identities: world.ledger.identities,
      isSplit: this.#cluster.isSplit,
      counts: this.#operators.counts,
      simulatedMs: world.clock.monotonicMs(),
      lines: [...world.lines],
    };
    for (const process of world.running) await world.until(world.stop(process));
    return report;
  }

  async #begin(): Promise<void> {
    if (this.#cluster.seats.length > 2 && this.#random.chance(0.2)) {
      await beginWrongly(this.#operators);
      return;
    }
    for (const seat of this.#cluster.seats) {
      await this.#cluster.start(seat);
      if (this.#random.chance(0.3)) await this.#world.sleep(this.#random.below(2000));
    }
  }

  /** Proposes to whatever process runs. */
  async #client(number: number): Promise<void> {
    const world = this.#world;
    const random = this.#random.fork();
    const { promises } = this.#cluster;
    const everyMs = random.pick([250, 250, 250, 3000]);
    while (!this.#isOver) {
      await world.sleep(random.below(everyMs));
      const { running } = world;
      const process = running[random.below(running.length)];
      if (process?.raft.status().role !== 'leader') continue;
      const text = `client ${number}, ${(this.#texts += 1)}`;
      try {
        const signal = world.patience(1500);
        const { index } = await process.raft.propose(Buffer.from(text), { signal });
        if (!world.isRunning(process)) continue;
        const identity = identityKey(process.raft.clusterInfo());
        if (identity === undefined) {
          world.fail(`${process.label} acknowledged ${text} without an identity`);
          return;
        }
        const isIntact = this.#cluster.seats.some(
          (seat) => seat.process === process && seat.isIntact,
        );
        if (isIntact) this.#cluster.identity ??= identity;
        promises.acknowledged.push({ text, identity, index, atMs: world.clock.monotonicMs() });
      } catch {
        // Refused, or of unknown outcome: nothing was promised.
      }
    }
  }

  /** Orderly restarts and crashes, copies of directories, and leadership transfers. */
  async #restarts(): Promise<void> {
    const world = this.#world;
    const random = this.#random.fork();
    const everyMs = random.pick([600, 1500, 5000]);
    while (!this.#isOver) {
      await world.sleep(random.below(2 * everyMs));
      const seats = this.#cluster.seats.filter(isFree);
      const seat = seats[random.below(seats.length)];
      if (seat === undefined || this.#isOver) continue;
      if (random.chance(0.5)) seat.copies.push(this.#operators.copyOf(seat));
      else if (random.chance(0.3)) await this.#transfer();
      else await this.#restart(seat);
    }
  }

  async #transfer(): Promise<void> {
    const signal = this.#world.patience(1000);
    await this.#cluster
      .leader()
      ?.raft.transferLeader(undefined, { signal })
      .catch(() => undefined);
  }

  async #restart(seat: Seat): Promise<void> {
    seat.isBusy = true;
    await this.#cluster.stop(seat);
    await this.#world.sleep(this.#random.below(500));
    await this.#cluster.start(seat);
    seat.isBusy = false;
  }

  async #makeMistakes(): Promise<void> {
    const actors = this.#random.pick([1, 2, 2]);
    const each = 2 + this.#random.below(3);
    await Promise.all(Array.from({ length: actors }, () => this.#actor(each)));
  }

  async #actor(times: number): Promise<void> {
    const random = this.#random.fork();
    for (let time = 0; time < times && !this.#cluster.isSplit; time += 1) {
      await this.#world.sleep(random.below(3000));
      const voters = this.#cluster.voters();
      const allowed = Math.max(1, Math.floor((voters.length - 1) / 2));
      const seats = this.#cluster.seats.filter(isFree);
      const seat = seats[random.below(seats.length)];
      if (seat === undefined || this.#mistakesNow >= allowed) continue;
      const mistake = mistakes[random.below(mistakes.length)];
      seat.isBusy = true;
      this.#mistakesNow += 1;
      await mistake?.(this.#operators, seat);
      this.#mistakesNow -= 1;
      seat.isBusy = false;
    }
  }

  /** Everybody runs on the right directory: all come to the same end, and nothing is missing. */
  async #settle(): Promise<void> {
    const world = this.#world;
    for (const seat of this.#cluster.seats) {
      if (seat.isGone) await this.#cluster.stop(seat);
      else if (this.#cluster.processOf(seat) === undefined) await this.#cluster.start(seat);
    }
    const untilMs = world.clock.monotonicMs() + settledWithinMs;
    for (;;) {
      const problem = this.#unsettled();
      if (problem === undefined) return;
      if (world.clock.monotonicMs() >= untilMs) world.fail(`it does not settle: ${problem}`);
      await world.sleep(100);
    }
  }

  #unsettled(): string | undefined {
    const leader = this.#cluster.leader();
    if (leader === undefined) return 'nobody leads';
    const { members, identity } = leader.raft.clusterInfo();
    const expected = leader.machine.entries;
    for (const { id } of members) {
      const seat = this.#cluster.seats.find((each) => each.id === id);
      const process = seat === undefined ? undefined : this.#cluster.processOf(seat);
      if (process === undefined) return `member ${id} does not run`;
      const readiness = process.raft.readiness();
      if (!readiness.ready) return `member ${id} is not ready: ${readiness.reason}`;
      const { entries } = process.machine;
      if (entries.length !== expected.length) return `member ${id} has applied ${entries.length}`;
    }
    const identities = new Set(
      [identity, ...identity.previous.map((former) => ({ ...former, previous: [] }))].map(
        (each) => identityKey({ identity: each }) ?? '',
      ),
    );
    const texts = new Set(expected.map(({ text }) => text));
    const [missing] = this.#cluster.promises.missing(identities, texts);
    return missing === undefined ? undefined : `${missing.text} at ${missing.index} is missing`;
  }

  #differs({ identity, known, found }: Difference, process: WorldProcess): void {
    const problem = `two states under the identity ${identity}: ${JSON.stringify(known)} is known, and ${process.label} has applied ${JSON.stringify(found)}`;
    const { promises } = this.#cluster;
    if (promises.isProtected(known.index) && promises.isProtected(found.index)) {
      this.#world.fail(problem);
      return;
    }
    if (!this.#cluster.isSplit) this.#world.log(`nothing could prevent it: ${problem}`);
    this.#cluster.isSplit = true;
  }

  #stopped(process: WorldProcess, cause: unknown): void {
    const seat = this.#cluster.seats.find((each) => each.process === process);
    if (seat?.isIntact === true && !seat.isGone && !this.#cluster.isSplit) {
      this.#world.fail(`${process.label} has stopped on its own directory`, cause);
    }
  }
}
