/**
 * The invariants of Raft, over all nodes and the whole run, crashes included; looked at after every
 * step, and each time only what the step has changed. Raft paper, figure 3 and section 5.4.
 */

import { EntryType, MessageType, type Entry, type HardState, type Message } from '@babuza/raftpb';
import { StateType, type MemoryStorage } from '../../src/index.ts';
import type { RaftLog } from '../../src/log.ts';
import type { Counters } from './counters.ts';
import { termIn, type Disk, type Write } from './disk.ts';
import { Ledger } from './ledger.ts';
import type { SimulatedNode } from './node.ts';
import type { Reads } from './reads.ts';
import { demand } from './violation.ts';

/** What a node was when it was last looked at. */
export interface Seen {
  readonly hardState: HardState;
  readonly applied: number;
  readonly state: StateType;
}

interface Leadership {
  readonly node: bigint;
  /**
   * Which life of the node: one that has forgotten that it led must not lead the same term again.
   */
  readonly life: number;
}

export class Checker {
  readonly ledger: Ledger = new Ledger();
  readonly #nodes: ReadonlyMap<bigint, SimulatedNode>;
  readonly #reads: Reads;
  readonly #counters: Counters;
  readonly #leaders: Map<number, Leadership> = new Map();
  /** Of each node, the candidate that it voted for in each term. */
  readonly #votes: Map<string, bigint> = new Map();
  /** Campaigns because of a transfer. */
  readonly #transfers: Set<string> = new Set();

  constructor(nodes: ReadonlyMap<bigint, SimulatedNode>, reads: Reads, counters: Counters) {
    this.#nodes = nodes;
    this.#reads = reads;
    this.#counters = counters;
  }

  /** What the group begins with is committed by decree. */
  found(index: number, term: number): void {
    while (this.ledger.commit < index) this.ledger.noteCommitted(term, term);
  }

  /** After everything that touched this node. */
  afterStep(node: SimulatedNode): void {
    const { raw, seen, id } = node;
    if (raw === undefined) return;
    const { term, vote, log, state } = raw.unsafeRaft;
    const { committed, applied } = log;
    const before = seen.hardState;
    if (term !== before.term || vote !== before.vote || committed !== before.commit) {
      const hardState = { term, vote, commit: committed };
      checkProgress(id, before, hardState);
      if (committed > this.ledger.commit) this.#checkCommit(node);
      this.#checkCommitted(node, before.commit, committed);
      node.seen = { hardState, applied, state };
    }
    demand(applied >= seen.applied, 'monotone', () => `node ${id}: applied fell to ${applied}`);
    if (state === StateType.Leader) {
      if (seen.state !== state || term !== before.term) this.#checkNewLeader(node, term);
      if (raw.unsafeRaft.tracker.isOnlyVoter(id)) this.#reads.sawSingleVoter();
    }
    const campaigns = state === StateType.Candidate || state === StateType.PreCandidate;
    if (campaigns && (seen.state !== state || term !== before.term)) {
      this.#checkCampaign(node, applied, committed);
    }
    if (applied !== seen.applied || state !== seen.state) {
      node.seen = { hardState: node.seen.hardState, applied, state };
    }
  }

  /** Entries that a node is about to write. */
  beforeWrite(entries: readonly Entry[], log: RaftLog): void {
    const first = entries[0];
    if (first !== undefined) this.ledger.noteWritten(entries, log.termOrZero(first.index - 1));
  }

  /**
   * A message leaves a node, or comes back to itself: what it grants or claims is out in the world.
   */
  sent(message: Message): void {
    const { type, from, to, term, reject, entries, logTerm, context } = message;
    if (type === MessageType.App) this.ledger.noteWritten(entries, logTerm);
    // Only the target of a transfer asks for votes with a context.
    if (type === MessageType.Vote && context !== undefined) this.#transfers.add(`${from}/${term}`);
    if (reject) return;
    if (type === MessageType.AppResp) this.#checkAcknowledgment(message);
    if (type !== MessageType.VoteResp) return;
    const { hardState } = this.#durableOf(from).initialState();
    demand(
      hardState.term > term || (hardState.term === term && hardState.vote === to),
      'votes are durable when they leave',
      () => `node ${from} votes in term ${term} for ${to} without having it durable`,
    );
    const key = `${from}/${term}`;
    const known = this.#votes.get(key) ?? to;
    demand(
      known === to,
      'one vote per term',
      () => `node ${from} voted in term ${term} for ${known} and for ${to}`,
    );
    this.#votes.set(key, to);
  }

  /** With asynchronous writes, what is handed out to be applied is durable here. */
  toBeApplied(id: bigint, entries: readonly Entry[]): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    const durable = this.#durableOf(id);
    demand(
      last.index < durable.firstIndex() || termIn(durable, last.index) === last.term,
      'entries are durable before they are applied',
      () => `node ${id} is to apply ${last.index}, and has ${durable.lastIndex()} durably`,
    );
  }

  applied(node: SimulatedNode, entry: Entry): void {
    const { ledger } = this;
    const { index, term } = entry;
    demand(
      ledger.committed(index)?.term === term,
      'only committed entries are applied',
      () => `node ${node.id} applied ${index} of term ${term}`,
    );
    if (entry.type !== EntryType.Normal) this.#counters.add('changesApplied');
  }

  /**
   * A write is about to become durable: it must not take back what is durable and, as this node
   * knows, committed. What it does not know of may go: a slow disk writes what the node took over
   * in an older term, while the entry that it replaces was committed without this node.
   */
  beforeDurable(id: bigint, { durable }: Disk, { hardState, entries }: Write): void {
    if (hardState !== undefined) {
      checkProgress(id, durable.initialState().hardState, hardState);
    }
    const first = entries[0];
    if (first === undefined) return;
    const known = this.#nodes.get(id)?.seen.hardState.commit ?? 0;
    for (let index = first.index; index <= Math.min(known, durable.lastIndex()); index += 1) {
      const committed = this.ledger.committed(index);
      if (committed === undefined || termIn(durable, index) !== committed.term) continue;
      const kept = entries[index - first.index]?.term === committed.term;
      const text = (): string => `node ${id} rewrites entry ${index}, which is committed`;
      demand(kept, 'committed entries stay', text);
    }
  }

  /**
   * One of an older term does not count any more: a leader of a newer one may have taken it back
   * meanwhile.
   */
  #checkAcknowledgment({ from, index, term }: Message): void {
    if (this.#nodes.get(from)?.seen.hardState.term !== term) return;
    const lastIndex = this.#durableOf(from).lastIndex();
    demand(
      index <= lastIndex,
      'acknowledged is durable',
      () => `node ${from} acknowledges ${index}, and has ${lastIndex} durably`,
    );
  }

  #durableOf(id: bigint): MemoryStorage {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`there is no node ${id}`);
    return node.disk.durable;
  }

  #checkNewLeader(node: SimulatedNode, term: number): void {
    const { id, life } = node;
    const known = this.#leaders.get(term) ?? { node: id, life };
    demand(
      known.node === id && known.life === life,
      'one leader per term',
      () => `term ${term}: node ${known.node} in life ${known.life} and ${id} in life ${life} led`,
    );
    this.#leaders.set(term, known);
    this.#checkElected(node, term);
    this.#counters.add('elections');
    if (this.#transfers.has(`${id}/${term}`)) this.#counters.add('transfersDone');
    for (let index = 1; index <= this.ledger.commit; index += 1) {
      const committed = this.ledger.committed(index);
      if (committed !== undefined && committed.byTerm < term) {
        this.#checkHolds(node, index, 'leader completeness');
      }
    }
  }

  #checkElected({ id, running }: SimulatedNode, term: number): void {
    const { hardState } = this.#durableOf(id).initialState();
    const votedForSelf = hardState.term === term && hardState.vote === id;
    const { incoming, outgoing } = running.unsafeRaft.tracker.config;
    for (const half of [incoming, outgoing]) {
      const votes = half.filter((voter) =>
        voter === id ? votedForSelf : this.#votes.get(`${voter}/${term}`) === id,
      ).length;
      demand(
        half.length === 0 || votes * 2 > half.length,
        'leaders are elected by quorums',
        () => `node ${id} leads term ${term} by ${votes} of ${half.length} votes (${half.join()})`,
      );
    }
  }

  /** Otherwise it could be elected by a membership that is not in force any more. */
  #checkCampaign({ id }: SimulatedNode, applied: number, committed: number): void {
    for (let index = applied + 1; index <= committed; index += 1) {
      const isChange = this.ledger.committedEntry(index)?.type !== EntryType.Normal;
      const text = (): string => `node ${id} campaigns and has not applied the change at ${index}`;
      demand(!isChange, 'no campaign with unapplied changes', text);
    }
  }

  /**
   * This node is the first to know of these commits: it must lead, and quorums must have them
   * durably.
   */
  #checkCommit(node: SimulatedNode): void {
    const raft = node.running.unsafeRaft;
    const { ledger } = this;
    demand(
      raft.state === StateType.Leader,
      'leaders commit',
      () => `node ${node.id} knows of commit ${raft.log.committed}, which no leader does`,
    );
    demand(
      raft.log.termOrZero(raft.log.committed) === raft.term,
      'leaders commit entries of their own term',
      () => `node ${node.id} of term ${raft.term} commits ${raft.log.committed} of an older one`,
    );
    const { incoming, outgoing } = raft.tracker.config;
    for (let index = ledger.commit + 1; index <= raft.log.committed; index += 1) {
      const term = raft.log.termOrZero(index);
      for (const half of [incoming, outgoing]) {
        const holders = half.filter((id) => this.#holdsDurably(id, index, term)).length;
        demand(
          half.length === 0 || holders * 2 > half.length,
          'committed is durable on a quorum',
          () => `${index} of term ${term}, on ${holders} of ${half.length} nodes (${half.join()})`,
        );
      }
      ledger.noteCommitted(term, raft.term);
      this.#counters.add('commits');
      for (const other of this.#nodes.values()) {
        const rival = other.raw?.unsafeRaft;
        if (rival?.state === StateType.Leader && rival.term > raft.term) {
          this.#checkHolds(other, index, 'leader completeness');
        }
      }
    }
  }

  #holdsDurably(id: bigint, index: number, term: number): boolean {
    const durable = this.#durableOf(id);
    // Behind a snapshot, which has been compared already.
    return index < durable.firstIndex() - 1 || termIn(durable, index) === term;
  }

  #checkCommitted(node: SimulatedNode, after: number, upTo: number): void {
    for (let index = after + 1; index <= upTo; index += 1) {
      this.#checkHolds(node, index, 'same entry per index');
    }
  }

  #checkHolds(node: SimulatedNode, index: number, invariant: string): void {
    const { log } = node.running.unsafeRaft;
    if (index < log.firstIndex() - 1) return;
    const term = index > log.lastIndex() ? 0 : log.termOrZero(index);
    const expected = this.ledger.committed(index)?.term;
    demand(
      term === expected,
      invariant,
      () =>
        `node ${node.id} has ${index} of term ${term}, but that of term ${expected} is committed`,
    );
  }
}

function checkProgress(id: bigint, before: HardState, after: HardState): void {
  const text = (): string =>
    `node ${id}: term ${before.term}, vote ${before.vote}, commit ${before.commit} became ` +
    `term ${after.term}, vote ${after.vote}, commit ${after.commit}`;
  demand(after.term >= before.term, 'monotone', text);
  demand(after.commit >= before.commit, 'monotone', text);
  const keptVote = after.term > before.term || before.vote === 0n || before.vote === after.vote;
  demand(keptVote, 'one vote per term', text);
}
