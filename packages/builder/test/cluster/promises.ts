/**
 * The state that a node must still have after a crash: what it has sent to others, and the
 * membership change that has taken effect. It is recorded when it happens and compared with what
 * the next incarnation finds on its disk. The check is direct because a cluster tolerates most lost
 * state for a while.
 */
import { MessageType, type HardState, type Message } from '@babuza/raftpb';

/** The state that a log contains when it is opened. */
export interface FoundLog {
  readonly hardState: HardState;
  readonly lastIndex: number;
}

export class Promises {
  /**
   * The highest term in which it has voted or acknowledged entries, and what it sent in that term.
   */
  #term = 0;
  #vote: bigint | undefined;
  #acknowledged = 0;
  /** The newest membership change that is known to be committed. */
  #changeIndex = 0;

  /** Records a message that the node sends. */
  says({ type, term, from, to, index, reject }: Message): void {
    const isPromise =
      type === MessageType.Vote || type === MessageType.VoteResp || type === MessageType.AppResp;
    if (!isPromise || term < this.#term) return;
    if (term > this.#term) {
      this.#term = term;
      this.#vote = undefined;
      this.#acknowledged = 0;
    }
    if (type === MessageType.Vote) this.#vote = from;
    if (reject) return;
    if (type === MessageType.VoteResp) this.#vote = to;
    if (type === MessageType.AppResp) this.#acknowledged = Math.max(this.#acknowledged, index);
  }

  changes(index: number): void {
    this.#changeIndex = Math.max(this.#changeIndex, index);
  }

  /** A description of what was lost, or `undefined` if nothing was. */
  broken({ hardState, lastIndex }: FoundLog): string | undefined {
    const { term, vote, commit } = hardState;
    if (commit < this.#changeIndex) {
      return `it counted in the membership of index ${this.#changeIndex}, and knows of a commit up to ${commit}`;
    }
    if (term < this.#term) return `it has spoken in term ${this.#term}, and knows term ${term}`;
    // In a later term the node may vote again, and acknowledged entries may be replaced.
    if (term > this.#term) return undefined;
    if (this.#vote !== undefined && vote !== this.#vote) {
      return `it has given its vote of term ${term} to ${this.#vote}, and knows ${vote}`;
    }
    if (lastIndex < this.#acknowledged) {
      return `in term ${term} it has acknowledged up to ${this.#acknowledged}, and its log ends at ${lastIndex}`;
    }
    return undefined;
  }
}
