/**
 * Injects faults into the simulated cluster and performs the actions of operators. Each kind has a
 * rhythm of its own.
 */
import { MessageType } from '@babuza/raftpb';
import type { SeededRandom, SimulatedClock } from '@babuza/testkit';
import type { MemoryNetwork } from '@babuza/transport-memory';
import { addressOf } from './incarnation.ts';
import type { Member } from './member.ts';
import type { ClusterOptions } from './options.ts';
import { PartNemesis } from './part-nemesis.ts';

export interface NemesisParts {
  readonly options: ClusterOptions;
  readonly clock: SimulatedClock;
  readonly random: SeededRandom;
  readonly network: MemoryNetwork;
  readonly members: readonly Member[];
  readonly log: (line: string) => void;
}

/** The state that a node must not forget after it has sent it. */
const fatalMessages = [MessageType.Vote, MessageType.VoteResp, MessageType.AppResp] as const;

export class Nemesis {
  readonly #parts: NemesisParts;
  /** Crashes, restarts and changes that are in progress. */
  readonly #underWay = new Set<Promise<void>>();
  readonly counts = { crashes: 0, partitions: 0, changes: 0, transfers: 0, snapshots: 0, hangs: 0 };

  readonly #slowParts: PartNemesis;

  constructor(parts: NemesisParts) {
    this.#parts = parts;
    this.#slowParts = new PartNemesis({
      ...parts,
      leader: () => this.#leader(),
      pick: (fits) => this.#pick(fits),
      change: () => this.#changeMembership(),
      startAgain: (member) => this.#startSoon(member),
    });
  }

  /** Resolves when the time of faults is over and nothing that it began is in progress. */
  async runUntil(isOver: () => boolean): Promise<void> {
    const { options } = this.#parts;
    const rhythms: [everyMs: number, act: () => Promise<void>][] = [
      [options.crashEveryMs, () => this.#crash()],
      [options.partitionEveryMs, () => this.#partition()],
      [options.faultsEveryMs, () => this.#faults()],
      [options.changeEveryMs, () => this.#changeMembership()],
      [options.changeEveryMs, () => this.#operate()],
      [options.fullDiskEveryMs, () => this.#fillDisk()],
      [options.hungDiskEveryMs, () => this.#hangDisk()],
      [options.partFaultEveryMs, () => this.#slowParts.disturb()],
      [options.behindEveryMs, () => this.#slowParts.leaveBehind()],
    ];
    await Promise.all(rhythms.map(([everyMs, act]) => this.#repeat(everyMs, act, isOver)));
    await Promise.all(this.#underWay);
  }

  async #repeat(everyMs: number, act: () => Promise<void>, isOver: () => boolean): Promise<void> {
    const { clock, random } = this.#parts;
    if (everyMs === Infinity) return;
    for (;;) {
      await clock.sleep(random.below(2 * everyMs));
      if (isOver()) return;
      const acting = act();
      this.#underWay.add(acting);
      const ended = (): unknown => this.#underWay.delete(acting);
      // A node that stops by itself no longer answers; the simulation then fails with its reason.
      acting.then(ended, ended);
    }
  }

  async #crash(): Promise<void> {
    const { random } = this.#parts;
    const member = this.#pick(
      ({ incarnation, isInTrouble }) => incarnation !== undefined && !isInTrouble,
    );
    if (member === undefined) return;
    this.counts.crashes += 1;
    member.isInTrouble = true;
    const how = random.below(10);
    if (how < 3) await member.crashAtSnapshot(random.below(25), 200);
    else if (how < 6) await member.crashAtMessage(random.pick(fatalMessages), 400);
    else await member.crashSoon(random.below(12), 200);
    let starting = this.#startAgain(member);
    if (random.chance(0.2)) {
      // The node may crash again during its start.
      await member.crashSoon(random.below(40), 400);
      await starting;
      starting = this.#startAgain(member);
    }
    await starting;
    member.isInTrouble = false;
  }

  /** Starts the node on its disk after a pause. */
  #startAgain(member: Member): Promise<void> {
    const { random } = this.#parts;
    member.revive(random.chance(0.6) ? 'power' : 'kill');
    return this.#startSoon(member);
  }

  #startSoon(member: Member): Promise<void> {
    const { clock, random } = this.#parts;
    const afterMs = random.below(400);
    return clock.sleep(afterMs).then(() => member.start());
  }

  async #partition(): Promise<void> {
    const { clock, random, network, members } = this.#parts;
    const addresses = members.filter(({ hasStarted }) => hasStarted).map(({ id }) => addressOf(id));
    const [one] = addresses;
    if (one === undefined || addresses.length < 2) return;
    this.counts.partitions += 1;
    const leader = this.#leader();
    // A crash of the leader is the hardest case: it has unreplicated entries and waiting callers.
    const pick =
      leader !== undefined && random.chance(0.4)
        ? addressOf(leader.id)
        : (addresses[random.below(addresses.length)] ?? one);
    const kind = random.below(4);
    if (kind === 0) network.isolate(pick);
    else if (kind === 1) {
      for (const other of addresses) if (other !== pick) network.cut(pick, other);
    } else if (kind === 2) {
      for (const other of addresses) if (other !== pick) network.cut(other, pick);
    } else {
      const side = addresses.filter(() => random.chance(0.5));
      network.partition(
        side,
        addresses.filter((address) => !side.includes(address)),
      );
    }
    this.#parts.log(`the network is divided (${kind})`);
    // A long partition leaves a member so far behind that it needs a snapshot.
    await clock.sleep(random.below(random.chance(0.25) ? 2000 : 900));
    network.heal();
  }

  async #faults(): Promise<void> {
    const { clock, random, network } = this.#parts;
    network.setFaults({
      loss: random.pick([0, 0.02, 0.2]),
      duplication: random.pick([0, 0.05, 0.2]),
      delayMs: random.pick([
        [0, 2],
        [1, 10],
        [0, 80],
      ]),
      reordering: random.chance(0.4),
    });
    await clock.sleep(random.below(1500));
    network.heal({ faults: true });
  }

  async #fillDisk(): Promise<void> {
    const { clock, random } = this.#parts;
    const member = this.#pick(({ incarnation }) => incarnation !== undefined);
    if (member === undefined) return;
    member.fill();
    this.#parts.log(`the disk of node ${member.id} is full`);
    await clock.sleep(random.below(600));
    member.makeSpace();
  }

  /**
   * The disk of the leader hangs more often than others: for a moment, or for several election
   * timeouts.
   */
  async #hangDisk(): Promise<void> {
    const { clock, random, log } = this.#parts;
    const isFine = ({ incarnation, hasHungDisk }: Member): boolean =>
      incarnation !== undefined && !hasHungDisk;
    const leader = random.chance(0.7) ? this.#leader() : undefined;
    const member = leader !== undefined && isFine(leader) ? leader : this.#pick(isFine);
    if (member === undefined) return;
    this.counts.hangs += 1;
    member.hangDisk();
    log(`the disk of node ${member.id} hangs`);
    await clock.sleep(random.below(random.chance(0.3) ? 2000 : 300));
    member.releaseDisk();
  }

  /**
   * Changes the membership at the leader, as an operator does; a change that is refused or gets no
   * answer is not repeated.
   */
  async #changeMembership(): Promise<void> {
    const { clock, random, members } = this.#parts;
    const leader = this.#leader();
    if (leader?.incarnation === undefined) return;
    const { raft } = leader.incarnation;
    const signal = this.#patience(1500);
    const spare = members.find(({ hasStarted }) => !hasStarted);
    this.counts.changes += 1;
    const change = async (): Promise<void> => {
      const known = raft.clusterInfo().members;
      const voters = known.filter(({ role }) => role === 'voter');
      const learner = known.find(({ role }) => role === 'learner');
      if (learner !== undefined && random.chance(0.6)) {
        await raft.promoteLearner(learner.id, { signal });
      } else if (spare !== undefined && random.chance(0.6)) {
        await this.#join(spare, leader, random.chance(0.5));
      } else if (voters.length > 3) {
        const gone = voters[random.below(voters.length)];
        if (gone !== undefined) await this.#remove(gone.id, leader);
      } else if (voters.length === 3 && random.chance(0.3)) {
        const demoted = voters[random.below(voters.length)];
        if (demoted === undefined || demoted.id === leader.id) return;
        await raft.demoteVoter(demoted.id, { signal });
      } else {
        // A change that does not alter any role.
        const address = `port ${random.below(1000)}`;
        await raft.publishApplicationService({ name: 'web', address }, { signal });
      }
    };
    await change().catch((error: unknown) =>
      this.#parts.log(`a change came to nothing: ${String(error)}`),
    );
    await clock.sleep(0);
  }

  async #join(spare: Member, leader: Member, asVoter: boolean): Promise<void> {
    const { raft } = leader.incarnation ?? {};
    if (raft === undefined) return;
    const newMember = { id: spare.id, address: addressOf(spare.id) };
    const signal = this.#patience(1500);
    const starting = spare.start();
    this.#parts.log(`node ${spare.id} joins as ${asVoter ? 'voter' : 'learner'}`);
    await (asVoter
      ? raft.addVotingPeer(newMember, { signal })
      : raft.addLearner(newMember, { signal }));
    await starting;
  }

  async #remove(id: bigint, leader: Member): Promise<void> {
    const { clock, members } = this.#parts;
    const removed = members.find((member) => member.id === id);
    if (leader.incarnation === undefined || removed === undefined) return;
    this.#parts.log(`node ${id} is removed`);
    await leader.incarnation.raft.removePeer(id, { signal: this.#patience(1500) });
    // The operator stops its process a while later; after that it no longer crashes.
    removed.isGone = true;
    await clock.sleep(300);
  }

  /** Leadership transfers and manual snapshots. */
  async #operate(): Promise<void> {
    const { random, log } = this.#parts;
    const leader = this.#leader();
    const any = this.#pick(({ incarnation }) => incarnation !== undefined);
    const signal = this.#patience(1000);
    try {
      if (random.chance(0.5)) {
        this.counts.transfers += 1;
        await leader?.incarnation?.raft.transferLeader(undefined, { signal });
      } else {
        this.counts.snapshots += 1;
        await any?.incarnation?.raft.manualSnapshot({ signal });
      }
    } catch (error) {
      log(`an operation came to nothing: ${String(error)}`);
    }
  }

  #leader(): Member | undefined {
    return this.#pick(({ incarnation }) => incarnation?.raft.status().role === 'leader');
  }

  #pick(fits: (member: Member) => boolean): Member | undefined {
    const { random, members } = this.#parts;
    const fitting = members.filter((member) => !member.isGone && fits(member));
    return fitting[random.below(Math.max(1, fitting.length))];
  }

  #patience(milliseconds: number): AbortSignal {
    const abort = new AbortController();
    this.#parts.clock.startTimer(milliseconds, () => abort.abort(new Error('no patience left')));
    return abort.signal;
  }
}
