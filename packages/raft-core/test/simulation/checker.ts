/**
 * The invariants of Raft, over all nodes and the whole run with its crashes. After each step, the
 * checker looks at what the step has changed. Raft paper, figure 3 and section 5.4.
 */

import { EntryType, MessageType, type Entry, type HardState, type Message } from '@babuza/raftpb';
import { StateType, type MemoryStorage, type RawNode } from '../../src/index.ts';
import type { RaftLog } from '../../src/log/raft-log.ts';
import type { Counters } from './counters.ts';
import { termIn, type Disk, type Write } from './disk.ts';
import { Ledger } from './ledger.ts';
import type { Reads } from './reads.ts';
import { demand } from './violation.ts';

/** The state of a node at its last check. */
export interface Seen {
  readonly hardState: HardState;
  readonly applied: number;
  readonly state: StateType;
}

/** The node as the checker sees it. */
export interface CheckedNode {
  readonly id: bigint;
  readonly disk: Disk;
  /** The core; nothing while the node is down. */
  readonly raw: RawNode | undefined;
  /** The core of a node that is up. */
  readonly running: RawNode;
  /** How often the node was started or has crashed. */
  readonly incarnation: number;
  /** The state at the end of the last check. */
  seen: Seen;
}

interface Leadership {
  readonly node: bigint;
  /**
   * The incarnation of the node. A restarted node must not lead a term again in which it has led.
   */
  readonly incarnation: number;
}

export class Checker {
  readonly ledger: Ledger = new Ledger();
  readonly #nodes: ReadonlyMap<bigint, CheckedNode>;
  readonly #reads: Reads;
  readonly #counters: Counters;
  readonly #leaders: Map<number, Leadership> = new Map();
  /** The vote of each node in each term, under the key `node/term`. */
  readonly #votes: Map<string, bigint> = new Map();
  /** The campaigns that a leadership transfer has caused. */
  readonly #transfers: Set<string> = new Set();

  constructor(nodes: ReadonlyMap<bigint, CheckedNode>, reads: Reads, counters: Counters) {
    this.#nodes = nodes;
    this.#reads = reads;
    this.#counters = counters;
  }

  /** Records the entries that the group starts with as committed. */
  found(index: number, term: number): void {
    while (this.ledger.commit < index) this.ledger.noteCommitted(term, term);
  }

  /** Checks a node after each step that has changed it. */
  afterStep(node: CheckedNode): void {
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

  /** Checks entries that a node is about to write. */
  beforeWrite(entries: readonly Entry[], log: RaftLog): void {
    const first = entries[0];
    if (first !== undefined) this.ledger.noteWritten(entries, log.termOrZero(first.index - 1));
  }

  /**
   * Checks a message that leaves a node, or comes back to itself: its vote or acknowledgment now
   * counts.
   */
  sent(message: Message): void {
    const { type, from, to, term, reject, entries, logTerm, context } = message;
    if (type === MessageType.App) this.ledger.noteWritten(entries, logTerm);
    // Only the vote requests of a transfer's target have a context.
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

  /**
   * With asynchronous writes, entries that are handed out to be applied are durable on this node.
   */
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

  applied(node: CheckedNode, entry: Entry): void {
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
   * Checks a write before it becomes durable. It must not replace a durable entry that this node
   * knows to be committed. An entry that was committed without this node may go: a slow disk still
   * writes what the node has accepted in an older term.
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
   * Checks an acknowledgment. One of an older term no longer counts: a leader of a newer term may
   * have replaced the entry.
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

  #checkNewLeader(node: CheckedNode, term: number): void {
    const { id, incarnation } = node;
    const known = this.#leaders.get(term) ?? { node: id, incarnation };
    demand(
      known.node === id && known.incarnation === incarnation,
      'one leader per term',
      () =>
        `two leaders of term ${term}: node ${known.node}, incarnation ${known.incarnation}, and ` +
        `node ${id}, incarnation ${incarnation}`,
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

  #checkElected({ id, running }: CheckedNode, term: number): void {
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

  /** Checks a candidate for unapplied changes: the votes of an old membership could elect it. */
  #checkCampaign({ id }: CheckedNode, applied: number, committed: number): void {
    for (let index = applied + 1; index <= committed; index += 1) {
      const isChange = this.ledger.committedEntry(index)?.type !== EntryType.Normal;
      const text = (): string => `node ${id} campaigns and has not applied the change at ${index}`;
      demand(!isChange, 'no campaign with unapplied changes', text);
    }
  }

  /**
   * Checks a commit that no node has known before: the node must be leader, and quorums must have
   * the entries durably.
   */
  #checkCommit(node: CheckedNode): void {
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
    // Entries up to a snapshot were compared before.
    return index < durable.firstIndex() - 1 || termIn(durable, index) === term;
  }

  #checkCommitted(node: CheckedNode, after: number, upTo: number): void {
    for (let index = after + 1; index <= upTo; index += 1) {
      this.#checkHolds(node, index, 'same entry per index');
    }
  }

  #checkHolds(node: CheckedNode, index: number, invariant: string): void {
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
