/**
 * Heartbeats with a commit index that the log of this node does not reach. The core would panic on
 * one, so it never gets it. A leader tells a follower no commit index above what that follower has
 * acknowledged to it, so one of two things is true:
 *
 * 1. The claim is false. This is certain when the node has accepted an append or a snapshot since
 *    it started. A leader sends a follower nothing that begins before what that follower has
 *    acknowledged, so the log has all of it. The message counts as lost, and the node goes on.
 * 2. The log has lost entries since it acknowledged them: the member was restarted with an empty
 *    directory, with an older copy of it, or on a disk that lost what it had synced. Such a node
 *    must not vote and must not campaign, because it could elect a leader without those entries.
 *
 * When the node cannot tell which of the two is true, it goes on without votes and campaigns. It
 * takes part again when it has accepted an append of a term up to that of the claim, when its log
 * has reached the claimed index, or when it has an entry of a later term: a later leader was
 * elected without this node, so it has every committed entry. If the node stopped instead, any
 * member could stop it, at each start again.
 *
 * Decision: docs/decisions/0017-plausible-messages.md.
 */
import { MessageType, type Message } from '@babuza/raftpb';

export interface LostEntriesParts {
  readonly nodeId: bigint;
  readonly log: {
    lastIndex(): number;
    /** The term of the entry at this index. */
    term(index: number): number;
  };
  /** The core's term, and the leader that the core knows. */
  readonly status: () => { readonly term: number; readonly lead: bigint };
}

/** A commit index that the log does not reach, from a node that may be the leader. */
interface Claim {
  readonly from: bigint;
  readonly commit: number;
  readonly term: number;
  readonly lastIndex: number;
}

export class LostEntries {
  readonly #parts: LostEntriesParts;
  /** Whether an append or a snapshot of any leader was accepted since the node has started. */
  #hasAccepted = false;
  #claim: Claim | undefined;

  constructor(parts: LostEntriesParts) {
    this.#parts = parts;
  }

  /**
   * Called when this node sends a response. An accepted append tells a leader that the logs match.
   */
  answered({ type, reject, term }: Message): void {
    if (type !== MessageType.AppResp || reject) return;
    this.#hasAccepted = true;
    // The claim was false, or its sender was not a leader.
    if (this.#claim !== undefined && term <= this.#claim.term) this.#claim = undefined;
  }

  /**
   * Why the core must not get this message; `undefined` when it may. A heartbeat of an older term
   * has no effect in the core.
   */
  refusal({ type, commit, term, from }: Message): string | undefined {
    if (type !== MessageType.Heartbeat) return undefined;
    const lastIndex = this.#parts.log.lastIndex();
    if (commit <= lastIndex) return undefined;
    const { term: own, lead } = this.#parts.status();
    if (term < own) return undefined;
    const what = `it claims the commit index ${commit}, and the log of this node ends at index ${lastIndex}`;
    const anotherLeads = term === own && lead !== 0n && lead !== from;
    if (anotherLeads) return `${what}; the leader of term ${own} is ${lead}`;
    if (this.#hasAccepted) {
      return `${what}, which has all that it has acknowledged: compare the log of member ${from} with those of the others`;
    }
    const before = this.#claim ?? { commit: 0, term: 0 };
    const claim = {
      from,
      commit: Math.max(commit, before.commit),
      term: Math.max(term, before.term),
      lastIndex,
    };
    this.#claim = claim;
    return `${what}. ${this.#toDo(claim)}`;
  }

  /** Whether this log may have lost entries that it had acknowledged. */
  get isPossible(): boolean {
    const claim = this.#claim;
    if (claim === undefined) return false;
    const lastIndex = this.#parts.log.lastIndex();
    if (lastIndex < claim.commit && this.#termAt(lastIndex) <= claim.term) return true;
    this.#claim = undefined;
    return false;
  }

  /** The problem and the remedy for an operator; `undefined` when nothing is known to be lost. */
  get problem(): string | undefined {
    const claim = this.#claim;
    if (!this.isPossible || claim === undefined) return undefined;
    const { from, commit, lastIndex } = claim;
    return `leader ${from} claims the commit index ${commit}, and the log of this node ended at index ${lastIndex}. ${this.#toDo(claim)}`;
  }

  /** Returns 0 when the log cannot be read at the moment. */
  #termAt(index: number): number {
    try {
      return this.#parts.log.term(index);
    } catch {
      return 0;
    }
  }

  #toDo({ from, commit }: Claim): string {
    const { nodeId } = this.#parts;
    return `This node does not vote or campaign for now. It has acknowledged index ${commit} to leader ${from} before and was started with an empty or older directory, or its disk has lost what was synced: then remove this id (${nodeId}) from the cluster (removePeer) and add a new one with an empty directory (docs/disaster-recovery.md), or stop the node and start it on the right directory. If it has lost nothing, the claim is false: look at member ${from}`;
  }
}
