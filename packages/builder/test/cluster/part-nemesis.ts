/**
 * Faults of state machines, of snapshots and of their senders, and members that fall so far behind
 * that they need a snapshot.
 */
import type { SeededRandom, SimulatedClock } from '@babuza/testkit';
import type { MemoryNetwork } from '@babuza/transport-memory';
import { encodeCommand } from './key-value-machine.ts';
import { addressOf } from './incarnation.ts';
import type { Member } from './member.ts';
import { fatalCalls, survivableCalls } from './slow-parts.ts';

export interface PartNemesisParts {
  readonly clock: SimulatedClock;
  readonly random: SeededRandom;
  readonly network: MemoryNetwork;
  readonly leader: () => Member | undefined;
  readonly pick: (fits: (member: Member) => boolean) => Member | undefined;
  /** Changes the membership, or does not. */
  readonly change: () => Promise<void>;
  /** Starts the process of a member after a while. */
  readonly startAgain: (member: Member) => Promise<void>;
  readonly log: (line: string) => void;
}

const gated = ['apply', 'restore', 'prepare', 'save', 'send'] as const;

export class PartNemesis {
  readonly #parts: PartNemesisParts;
  #isLeaving = false;
  #written = 0;

  constructor(parts: PartNemesisParts) {
    this.#parts = parts;
  }

  async disturb(): Promise<void> {
    const { random } = this.#parts;
    const kind = random.below(10);
    if (kind < 3) await this.#holdCalls();
    else if (kind < 6) await this.#holdSends();
    else if (kind < 8) await this.#runShort();
    else if (kind < 9) this.#failSnapshot();
    else await this.#failMachine();
  }

  /** Calls of a state machine are delayed. */
  async #holdCalls(): Promise<void> {
    const { random, clock, pick, log } = this.#parts;
    const member = pick(runs);
    if (member === undefined) return;
    const call = random.pick(gated);
    const gate = member.slow.gates[call];
    if (gate.isClosed) return;
    gate.close();
    log(`${call} of node ${member.id} waits`);
    await clock.sleep(random.below(700));
    gate.open();
  }

  /**
   * The leader sends snapshots more slowly than it makes new ones, while other members need them.
   */
  async #holdSends(): Promise<void> {
    const { random, leader, change, log } = this.#parts;
    const sender = leader();
    if (sender === undefined || sender.slow.gates.send.isClosed) return;
    sender.slow.gates.send.close();
    log(`node ${sender.id} sends slowly`);
    // A member that joins needs a snapshot.
    if (random.chance(0.5)) void change();
    if (random.chance(0.5)) void this.leaveBehind();
    await this.#until(300 + random.below(900), () => {
      this.#write(sender);
      return false;
    });
    sender.slow.gates.send.open();
  }

  /** Snapshots that are made, received or sent meet a shortage of a resource. */
  async #runShort(): Promise<void> {
    const { random, clock, pick, log } = this.#parts;
    const member = pick(({ incarnation, slow }) => incarnation !== undefined && !slow.isShort);
    if (member === undefined) return;
    member.slow.isShort = true;
    log(`node ${member.id} is short of descriptors`);
    await clock.sleep(random.below(800));
    member.slow.isShort = false;
  }

  #failSnapshot(): void {
    const { random, pick, log } = this.#parts;
    const member = pick(
      ({ incarnation, slow }) => incarnation !== undefined && slow.failingCall === undefined,
    );
    if (member === undefined) return;
    member.slow.failingCall = random.pick(survivableCalls);
    log(`the next ${member.slow.failingCall} of node ${member.id} fails`);
  }

  /** A failing call of the state machine stops the node, and its operator starts it again. */
  async #failMachine(): Promise<void> {
    const { random, pick, startAgain } = this.#parts;
    const member = pick(
      ({ incarnation, isInTrouble, slow }) =>
        incarnation !== undefined && !isInTrouble && slow.failingCall === undefined,
    );
    if (member === undefined) return;
    member.isInTrouble = true;
    if (await member.failMachine(random.pick(fatalCalls), 400)) {
      member.makeSpace();
      await startAgain(member);
    }
    member.isInTrouble = false;
  }

  /**
   * Isolates a member whose state machine lags behind its log until the others have purged their
   * logs. It then gets a snapshot that covers entries which wait to be applied.
   */
  async leaveBehind(): Promise<void> {
    // Two such members at once could cost the cluster its quorum, and then no entries would be
    // committed for them to miss.
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    await this.#leaveBehind();
    this.#isLeaving = false;
  }

  async #leaveBehind(): Promise<void> {
    const { random, clock, network, leader, pick, change, log } = this.#parts;
    const atHead = leader();
    const member =
      random.chance(0.3) && atHead !== undefined ? atHead : pick((each) => isFollower(each));
    if (member === undefined) return;
    const { apply, restore, save } = member.slow.gates;
    const held = [save, apply, restore].filter((gate) => random.chance(gate === apply ? 0.8 : 0.5));
    log(`node ${member.id} falls behind`);
    for (const gate of held) {
      gate.close();
      // The node is writing a snapshot when its state machine stops.
      if (gate === save) await this.#beginSnapshot(member);
    }
    // The member has these entries in its log and cannot apply them.
    for (let count = random.below(4); count > 0; count -= 1) this.#write(leader());
    if (random.chance(0.9)) await Promise.race([change(), clock.sleep(300)]);
    await clock.sleep(20 + random.below(80));
    network.isolate(addressOf(member.id));
    await this.#untilPurged(member);
    network.heal();
    await this.#untilInstalled(member);
    for (const gate of random.chance(0.5) ? held : held.toReversed()) {
      gate.open();
      if (random.chance(0.3)) await clock.sleep(random.below(200));
    }
  }

  async #beginSnapshot(member: Member): Promise<void> {
    const { clock, leader } = this.#parts;
    this.#write(leader());
    await clock.sleep(40);
    void member.incarnation?.raft.manualSnapshot().catch(() => undefined);
    await clock.sleep(10);
  }

  /** Proposes a key that no client reads. */
  #write(leader: Member | undefined): void {
    this.#written += 1;
    const command = { kind: 'put', key: 'nobody', value: `written ${this.#written}` } as const;
    leader?.incarnation?.raft.propose(encodeCommand(command, '')).catch(() => undefined);
  }

  /** Waits, for a limited time, until the leader has purged the entries that the member needs. */
  async #untilPurged(member: Member): Promise<void> {
    const { random, pick } = this.#parts;
    const lastIndex = member.incarnation?.raft.status().lastIndex ?? 0;
    await this.#until(300 + random.below(1500), () => {
      const other = pick(({ id, incarnation }) => id !== member.id && leads(incarnation));
      for (let count = random.below(8); count > 0; count -= 1) this.#write(other);
      return (other?.incarnation?.raft.status().firstIndex ?? 0) > lastIndex + 1;
    });
  }

  /** Waits, for a limited time, until the log of the member begins behind a received snapshot. */
  async #untilInstalled(member: Member): Promise<void> {
    const { random, clock } = this.#parts;
    const lastIndex = member.incarnation?.raft.status().lastIndex ?? 0;
    await this.#until(100 + random.below(900), () => {
      return (member.incarnation?.raft.status().firstIndex ?? 0) > lastIndex;
    });
    await clock.sleep(random.below(random.chance(0.5) ? 10 : 200));
  }

  async #until(waitMs: number, isDone: () => boolean): Promise<void> {
    const { clock } = this.#parts;
    const stopMs = clock.monotonicMs() + waitMs;
    while (!isDone() && clock.monotonicMs() < stopMs) await clock.sleep(20);
  }
}

const runs = ({ incarnation }: Member): boolean => incarnation !== undefined;

const leads = (incarnation: Member['incarnation']): boolean =>
  incarnation?.raft.status().role === 'leader';

/** A follower with a log that can fall behind. */
const isFollower = ({ incarnation }: Member): boolean => {
  const status = incarnation?.raft.status();
  return status?.role === 'follower' && status.lastIndex > 0;
};
