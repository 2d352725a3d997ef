/**
 * What a node must know again after a crash: what it has told others, and that a change of the
 * membership is in effect. It is written down as it happens, and compared with what the next incarnation
 * finds on its disk. A cluster forgives most of what a node forgets, for a while; this does not.
 */
import { MessageType, type HardState, type Message } from '@babuza/raftpb';

/** What a log is opened with. */
export interface FoundLog {
  readonly hardState: HardState;
  readonly lastIndex: number;
}

export class Promises {
  /** The highest term that it has voted or acknowledged in, and what it has said in that one. */
  #term = 0;
  #vote: bigint | undefined;
  #acknowledged = 0;
  /** The newest change of the membership that took effect: it is known to be committed. */
  #changeIndex = 0;

  /** A message leaves. */
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

  /** What was forgotten, in words. */
  broken({ hardState, lastIndex }: FoundLog): string | undefined {
    const { term, vote, commit } = hardState;
    if (commit < this.#changeIndex) {
      return `it counted in the membership of index ${this.#changeIndex}, and knows of a commit up to ${commit}`;
    }
    if (term < this.#term) return `it has spoken in term ${this.#term}, and knows term ${term}`;
    // A later term may give the vote again, and replace what was acknowledged.
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
