/**
 * Decides which terms this node takes from other nodes. A term never goes back, so a single message
 * with a term near 2^53 would leave a cluster without a leader for ever. A message is refused
 * before it reaches the core when one of its terms
 *
 * 1. is above 2^52, or more than 2^32 above the term of this node, or
 * 2. rises further than the allowance of this node.
 *
 * The allowance is 2^28 terms, and grows back by one term per millisecond. All other nodes share
 * it, so that several of them cannot raise the term further than a single one. An honest node
 * raises its term by one in each election timeout, which is many milliseconds. A member that was
 * partitioned, with PreVote off, has campaigned alone all the time. It needs more than eight years
 * at election timeouts of one second to use up the allowance. A rise by a single term is always
 * taken. A node whose term is 0 (it has just joined, or its backup is empty) has no history, so
 * rule 2 does not apply to it. A member that was restored from a backup, or was down for long, has
 * a lower term than the others and only follows.
 *
 * A hostile member may raise the term of one honest member by the whole allowance, and that one
 * then asks the others for a slightly higher term. So while rule 2 refuses terms the allowance goes
 * on growing, up to 2^31: after a short time the honest member is accepted again.
 *
 * Decision: docs/decisions/0017-plausible-messages.md.
 */
import type { Message } from '@babuza/raftpb';
import type { Clock } from '@babuza/vfs';
import type { RefusedMessageKind } from '../events.ts';

/** No term above this one is taken from another node. */
export const termMax: number = 2 ** 52;
/** A term that is further than this above the node's own is not taken from another node. */
export const termDistanceMax: number = 2 ** 32;
/** How far other nodes may raise the term at once. */
export const termAllowance: number = 2 ** 28;
/** How far the allowance grows while rule 2 refuses terms. */
const refusedAllowanceMax = 2 ** 31;
const termsPerMs = 1;
/** How long after a refusal the allowance goes on growing beyond `termAllowance`, in ms. */
const refusalLastsMs = 60_000;

export interface RefusedTerm {
  readonly kind: Extract<RefusedMessageKind, 'term' | 'term-jump'>;
  readonly what: string;
}

export class TermLimits {
  readonly #clock: Clock;
  readonly #ownTerm: () => number;
  /** The highest term that was taken, or that this node had at the last check. */
  #highest = 0;
  #allowance = termAllowance;
  #allowanceAtMs: number;
  #refusedAtMs = -Infinity;

  constructor(clock: Clock, ownTerm: () => number) {
    this.#clock = clock;
    this.#ownTerm = ownTerm;
    this.#allowanceAtMs = clock.monotonicMs();
  }

  /** Why a message of another node must not be taken; `undefined` when it may. */
  refusal(message: Message): RefusedTerm | undefined {
    const claimed = highestTermOf(message);
    // Nearly all messages end here.
    if (claimed <= this.#highest) return undefined;
    const own = this.#ownTerm();
    if (!(claimed <= Math.min(termMax, own + termDistanceMax))) {
      const expected = `at most 2^52, and at most 2^32 above the term of this node, ${own}`;
      return { kind: 'term', what: `it has term ${claimed}, expected ${expected}. ${toDo}` };
    }
    const before = Math.max(own, this.#highest);
    if (own === 0 || claimed <= before + 1 || this.#takeFromAllowance(claimed - before)) {
      this.#highest = Math.max(before, claimed);
      return undefined;
    }
    const expected = `a rise by at most ${Math.floor(this.#allowance)} above ${before} at the moment`;
    return { kind: 'term-jump', what: `it has term ${claimed}, expected ${expected}. ${toDo}` };
  }

  #takeFromAllowance(rise: number): boolean {
    const nowMs = this.#clock.monotonicMs();
    const isRefusing = nowMs - this.#refusedAtMs <= refusalLastsMs;
    const allowanceMax = isRefusing ? refusedAllowanceMax : termAllowance;
    const grown = this.#allowance + (nowMs - this.#allowanceAtMs) * termsPerMs;
    this.#allowance = Math.min(grown, allowanceMax);
    this.#allowanceAtMs = nowMs;
    if (rise > this.#allowance) {
      this.#refusedAtMs = nowMs;
      return false;
    }
    this.#allowance -= rise;
    return true;
  }
}

const toDo =
  'No election leads to such a term: check that node, and which processes can send messages with its id';

/**
 * The terms of an append's entries ascend, which the core checks, so the last one is the highest.
 */
function highestTermOf({ term, logTerm, entries, snapshot }: Message): number {
  const last = entries.length === 0 ? 0 : (entries[entries.length - 1]?.term ?? 0);
  return Math.max(term, logTerm, last, snapshot?.metadata.term ?? 0);
}
