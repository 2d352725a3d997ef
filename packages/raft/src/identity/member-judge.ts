/** Finds problems with a member by comparing its introduction with what this node remembers. */
import type { Storage } from '@babuza/wal-core/storage';
import type { ReplicatedState } from '../apply/replicated-state.ts';
import { contradiction } from './entry-marks.ts';
import type { IdentityKeeper } from './identity-keeper.ts';
import type { KnownMember } from './identity-record.ts';
import type { Introduction } from './introduction.ts';
import type { ProblemKind } from './told-problems.ts';

export interface MemberJudgeParts {
  readonly keeper: IdentityKeeper;
  readonly state: ReplicatedState;
  readonly storage: Storage;
  /** The index up to which this log has the committed entries. */
  readonly commitIndex: () => number;
  /** The index up to which a member has acknowledged the log; 0 when this node does not lead. */
  readonly matchIndex: (id: bigint) => number;
}

/** Why a member is not admitted, and what an operator can do. */
export interface Problem {
  readonly what: string;
  readonly toDo: string;
  /** A problem of one kind is reported once, whatever the other side claims in `what`. */
  readonly kind: ProblemKind;
}

export const wipedToDo =
  'if the member has lost its disk, remove its id from the cluster and add it again under a new id';
export const otherClusterToDo =
  'start the member with the directory that belongs to it, or with an empty one under a new id; check `peers`, the cluster token and the address';

export const unreadable: Problem = {
  what: 'it does not introduce itself in a way that this release reads',
  toDo: 'run the same release on all members',
  kind: 'unreadable',
};

export class MemberJudge {
  readonly #parts: MemberJudgeParts;

  constructor(parts: MemberJudgeParts) {
    this.#parts = parts;
  }

  /**
   * Why this member is not admitted; `undefined` when it is. `before` is the introduction with
   * which it was admitted last.
   */
  problemWith(
    id: bigint,
    theirs: Introduction,
    before: Introduction | undefined,
  ): Problem | undefined {
    const { keeper, storage, state, commitIndex } = this.#parts;
    const stranger = this.otherCluster(theirs);
    if (stranger !== undefined) return stranger;
    const known = keeper.known(id);
    const boundTo = state.membership.logIds.get(id) ?? known?.logId;
    if (boundTo !== undefined && boundTo !== theirs.logId) {
      const what = `it has another log than before: ${theirs.logId}, the member had ${boundTo}. It has forgotten its votes and its entries`;
      return { what, toDo: wipedToDo, kind: 'another-log' };
    }
    const rolledBack = known === undefined ? undefined : this.#rolledBack(id, known, theirs);
    if (rolledBack !== undefined) return { ...rolledBack, toDo: wipedToDo };
    if (hasSameMarks(theirs, before)) return undefined;
    const what = contradiction(storage, commitIndex(), theirs);
    if (what === undefined) return undefined;
    return { what, toDo: otherClusterToDo, kind: 'another-history' };
  }

  otherCluster(theirs: Introduction): Problem | undefined {
    const ours = this.#parts.keeper.cluster;
    for (const part of ['origin', 'birth'] as const) {
      const [here, there] = [ours[part], theirs[part]];
      if (here !== undefined && there !== undefined && here !== there) {
        const what = `it belongs to another cluster: the ${part} of its cluster is ${there}, the one of this cluster ${here}`;
        return { what, toDo: otherClusterToDo, kind: `another-${part}` };
      }
    }
    return undefined;
  }

  #rolledBack(
    id: bigint,
    known: KnownMember,
    theirs: Introduction,
  ): Omit<Problem, 'toDo'> | undefined {
    if (theirs.run === known.run) return undefined;
    if (theirs.startCount < known.startCount) {
      const what = `its disk was put back, or is a copy: it claims to have started ${theirs.startCount} times, and it had started ${known.startCount} times before`;
      return { what, kind: 'fewer-starts' };
    }
    if (theirs.startCount === known.startCount) {
      const what = `its disk was put back, or two processes run with copies of its disk: it claims to have started ${theirs.startCount} times, and another process of it has claimed the same`;
      return { what, kind: 'same-start' };
    }
    const durableIndex = Math.max(known.durableIndex, this.acknowledged(id));
    if (theirs.lastIndex >= durableIndex) return undefined;
    const what = `it has lost a part of its log: its last index is ${theirs.lastIndex}, and it had acknowledged index ${durableIndex}`;
    return { what, kind: 'lost-entries' };
  }

  /** Committed entries are never truncated, so a member that has acknowledged them has them. */
  acknowledged(id: bigint): number {
    const { matchIndex, commitIndex } = this.#parts;
    return Math.min(matchIndex(id), commitIndex());
  }
}

/**
 * Marks that were compared before are not compared again with each request, because that reads the
 * log.
 */
function hasSameMarks(theirs: Introduction, before: Introduction | undefined): boolean {
  return (
    before !== undefined &&
    before.run === theirs.run &&
    before.commitIndex === theirs.commitIndex &&
    JSON.stringify(before.marks) === JSON.stringify(theirs.marks)
  );
}
