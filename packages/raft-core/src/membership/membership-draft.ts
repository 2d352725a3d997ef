/**
 * The operations of a membership change, applied one by one to a copy of the membership.
 *
 * Source: etcd-io/raft `confchange/confchange.go`, `apply`, `makeVoter`, `makeLearner`, `remove`
 * and `initProgress`.
 */

import { ConfChangeType, type ConfChangeSingle } from '@babuza/raftpb';
import { ConfChangeError } from '../errors.ts';
import { none, withId, withoutId, type IdSet } from '../ids.ts';
import type { Membership, MembershipConfig } from '../tracker/membership-config.ts';
import type { Inflights } from '../tracker/inflights.ts';
import { Progress } from '../tracker/progress.ts';
import { checkInvariants } from './invariants.ts';

/** The state that the progress of a new member starts with. */
export interface NewMemberDefaults {
  readonly lastIndex: number;
  readonly newInflights: () => Inflights;
}

/** A membership while it is changed. The original stays unchanged. */
export class MembershipDraft {
  incoming: IdSet;
  outgoing: IdSet;
  autoLeave: boolean;
  #learners: IdSet;
  #learnersNext: IdSet;
  readonly #progress: Map<bigint, Progress>;
  readonly #defaults: NewMemberDefaults;

  constructor({ config, progress }: Membership, defaults: NewMemberDefaults) {
    this.incoming = config.incoming;
    this.outgoing = config.outgoing;
    this.autoLeave = config.autoLeave;
    this.#learners = config.learners;
    this.#learnersNext = config.learnersNext;
    this.#progress = new Map(progress);
    this.#defaults = defaults;
  }

  apply(changes: readonly ConfChangeSingle[]): void {
    for (const change of changes) {
      // Node id 0 marks an operation that the application has rejected after its commit.
      if (change.nodeId === none) continue;
      this.#applyOne(change);
    }
    if (this.incoming.length === 0) throw new ConfChangeError('removed all voters');
  }

  finish(): Membership {
    const config: MembershipConfig = {
      incoming: this.incoming,
      outgoing: this.outgoing,
      learners: this.#learners,
      learnersNext: this.#learnersNext,
      autoLeave: this.autoLeave,
    };
    const membership = { config, progress: this.#progress };
    checkInvariants(membership);
    return membership;
  }

  #applyOne({ type, nodeId }: ConfChangeSingle): void {
    switch (type) {
      case ConfChangeType.AddNode:
        this.#addVoter(nodeId);
        return;
      case ConfChangeType.AddLearnerNode:
        this.#addLearner(nodeId);
        return;
      case ConfChangeType.RemoveNode:
        this.#remove(nodeId);
        return;
      case ConfChangeType.UpdateNode:
        return;
      default:
        throw new ConfChangeError(`unexpected conf type ${String(type)}`);
    }
  }

  #addVoter(id: bigint): void {
    const known = this.#progress.get(id);
    this.#progress.set(id, known?.asLearner(false) ?? this.#newProgress(id, false));
    this.#learners = withoutId(this.#learners, id);
    this.#learnersNext = withoutId(this.#learnersNext, id);
    this.incoming = withId(this.incoming, id);
  }

  #addLearner(id: bigint): void {
    const known = this.#progress.get(id);
    if (known === undefined) {
      this.#learners = withId(this.#learners, id);
      this.#progress.set(id, this.#newProgress(id, true));
      return;
    }
    if (known.isLearner) return;
    this.#remove(id);
    // An outgoing voter keeps its vote; it becomes a learner when the joint membership is left.
    if (this.outgoing.includes(id)) {
      this.#learnersNext = withId(this.#learnersNext, id);
      this.#progress.set(id, known);
    } else {
      this.#learners = withId(this.#learners, id);
      this.#progress.set(id, known.asLearner(true));
    }
  }

  #remove(id: bigint): void {
    if (!this.#progress.has(id)) return;
    this.incoming = withoutId(this.incoming, id);
    this.#learners = withoutId(this.#learners, id);
    this.#learnersNext = withoutId(this.#learnersNext, id);
    if (!this.outgoing.includes(id)) this.#progress.delete(id);
  }

  #newProgress(id: bigint, isLearner: boolean): Progress {
    const { lastIndex, newInflights } = this.#defaults;
    return new Progress({
      id,
      isLearner,
      // Probing starts at the last entry. The new member rejects it, with the end of its own log.
      next: Math.max(lastIndex, 1),
      inflights: newInflights(),
      // The next quorum check must not count the member as inactive before it could answer.
      recentActive: true,
    });
  }
}
