/**
 * Decides which members this node talks to. Both sides of a connection introduce themselves, and
 * both judge the other one: by the identity of the cluster, by the log that the member had before,
 * by the counter of its starts, by the entries that it had acknowledged, and by marks of entries.
 *
 * The network carries one word, `other-cluster`, whatever the reason is. The reason is told here:
 * to the log once, to whoever listens to the events of the node, and by `readiness()`.
 */
import type { Clock } from '@babuza/vfs';
import type { Storage } from '@babuza/wal-core/storage';
import type { RaftEvent } from '../events.ts';
import type { Logger } from '../ports/logger.ts';
import type { ReplicatedState } from '../replicated-state.ts';
import { contradiction, marksOf } from './entry-marks.ts';
import type { IdentityKeeper } from './identity-keeper.ts';
import type { KnownMember } from './identity-record.ts';
import { decodeIntroduction, encodeIntroduction, type Introduction } from './introduction.ts';

export interface MemberAdmissionParts {
  readonly nodeId: bigint;
  readonly keeper: IdentityKeeper;
  readonly state: ReplicatedState;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger | undefined;
  readonly tell: (event: RaftEvent) => void;
  readonly commitIndex: () => number;
  /** Up to which index a member has acknowledged the log; 0 where this node does not lead. */
  readonly matchIndex: (id: bigint) => number;
  /** A member was admitted, on a connection that is new. */
  readonly onAdmitted: (id: bigint) => void;
}

/** Why a member is not admitted, and what an operator can do. */
interface Problem {
  readonly what: string;
  readonly toDo: string;
}

/** Marks and the commit index at the moment when they were taken: only together they prove something. */
interface Marks extends Pick<Introduction, 'commitIndex' | 'marks'> {
  readonly untilMs: number;
}

interface Told {
  readonly message: string;
  readonly atMs: number;
}

interface Refusal extends Told {
  /** The start of the member that refuses, as far as it has introduced itself since. */
  readonly run?: number;
}

/** A problem that has not been met again for so long is over. */
const problemKeptMs = 60_000;
const marksKeptMs = 1000;
/** Members that are no members are remembered only so far. */
const toldMax = 256;

const wipedToDo =
  'if the member has lost its disk, remove its id from the cluster and add it again under a new id';
const otherClusterToDo =
  'start the member with the directory that belongs to it, or with an empty one under a new id; check `peers`, the cluster token and the address';

export class MemberAdmission {
  readonly #parts: MemberAdmissionParts;
  /** What the others said last. */
  readonly #introductions = new Map<bigint, Introduction>();
  /** Why this node refuses others. */
  readonly #problems = new Map<bigint, Told>();
  /**
   * The others that refuse this node. Such a refusal is not over when this node admits the other
   * one: each direction has a connection of its own, and the two ends judge by themselves. It is
   * over when the other one was started again.
   */
  readonly #refusals = new Map<bigint, Refusal>();
  #marks: Marks | undefined;

  constructor(parts: MemberAdmissionParts) {
    this.#parts = parts;
  }

  /** What this member says of itself, as of now. */
  introduction(): string {
    const { keeper, storage } = this.#parts;
    const { origin, birth } = keeper.cluster;
    const { logId, startCount, run } = keeper;
    const { commitIndex, marks } = this.#currentMarks();
    const lastIndex = storage.lastIndex();
    return encodeIntroduction({
      origin,
      birth,
      logId,
      startCount,
      run,
      lastIndex,
      commitIndex,
      marks,
    });
  }

  /** Read from the log once a second at most: where no stream passes, each request introduces. */
  #currentMarks(): Marks {
    const { storage, commitIndex, clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    if (this.#marks === undefined || nowMs >= this.#marks.untilMs) {
      const commit = Math.min(commitIndex(), storage.lastIndex());
      const marks = marksOf(storage, commit);
      this.#marks = { commitIndex: commit, marks, untilMs: nowMs + marksKeptMs };
    }
    return this.#marks;
  }

  /** The word to refuse a member with; `undefined` where it is admitted. */
  admit(id: bigint, text: string | undefined): 'other-cluster' | undefined {
    const introduction = decodeIntroduction(text);
    if (introduction !== undefined) this.#hasStarted(id, introduction);
    const problem = introduction === undefined ? unreadable : this.#problemWith(id, introduction);
    if (problem !== undefined) {
      const message = `member ${id} is refused: ${problem.what}; ${problem.toDo}`;
      this.#report(this.#problems, id, message);
      return 'other-cluster';
    }
    if (introduction === undefined) return 'other-cluster';
    this.#problems.delete(id);
    this.#introductions.set(id, introduction);
    this.#remember(id, introduction);
    this.#parts.onAdmitted(id);
    return undefined;
  }

  /** Another member has refused this one with that word. */
  refusedBy(id: bigint): void {
    this.#report(
      this.#refusals,
      id,
      `member ${id} refuses this member with the word other-cluster: it takes this one for a member of another cluster, for one with another log than before, or for one whose disk was put back; its own log says which. ${wipedToDo}; otherwise ${otherClusterToDo}`,
    );
  }

  #hasStarted(id: bigint, { run }: Introduction): void {
    const refusal = this.#refusals.get(id);
    if (refusal === undefined) return;
    if (refusal.run === undefined) this.#refusals.set(id, { ...refusal, run });
    else if (refusal.run !== run) this.#refusals.delete(id);
  }

  /** A leader has sent something that only a leader sends: a member that knows no cluster follows. */
  heardLeader(id: bigint): void {
    const { keeper } = this.#parts;
    const told = this.#introductions.get(id);
    if (keeper.isSettled || told?.birth === undefined) return;
    keeper.adopt({ origin: told.origin, birth: told.birth });
  }

  /** Members that this node has seen, and whose log the membership does not name yet. */
  unbound(): Map<bigint, string> {
    const { keeper, state, nodeId } = this.#parts;
    const { members, logIds } = state.membership;
    const found = new Map<bigint, string>();
    for (const id of members.keys()) {
      const logId = id === nodeId ? keeper.logId : keeper.known(id)?.logId;
      if (!logIds.has(id) && logId !== undefined) found.set(id, logId);
    }
    return found;
  }

  /** A leader keeps what the others have acknowledged: to be called now and then. */
  keepAcknowledged(): void {
    const { keeper, state } = this.#parts;
    for (const id of state.membership.members.keys()) {
      const member = keeper.known(id);
      const durableIndex = this.#acknowledged(id);
      if (member !== undefined && durableIndex > member.durableIndex) {
        keeper.remember(id, { ...member, durableIndex });
      }
    }
  }

  removed(id: bigint): void {
    this.#parts.keeper.forget(id);
    this.#introductions.delete(id);
    this.#problems.delete(id);
    this.#refusals.delete(id);
  }

  /** What keeps this node and others apart at the moment, for people. */
  problems(): readonly string[] {
    return [...this.#problems.values(), ...this.#refusals.values()]
      .filter((told) => this.#isNew(told))
      .map(({ message }) => message);
  }

  /** Whether it was met lately, so that it is not over. */
  #isNew({ atMs }: Told): boolean {
    return atMs >= this.#parts.clock.monotonicMs() - problemKeptMs;
  }

  #problemWith(id: bigint, theirs: Introduction): Problem | undefined {
    const { keeper, storage, state, commitIndex } = this.#parts;
    const ours = keeper.cluster;
    for (const part of ['origin', 'birth'] as const) {
      const [here, there] = [ours[part], theirs[part]];
      if (here !== undefined && there !== undefined && here !== there) {
        const what = `it belongs to another cluster: the ${part} of its cluster is ${there}, the one of this cluster ${here}`;
        return { what, toDo: otherClusterToDo };
      }
    }
    const known = keeper.known(id);
    const boundTo = state.membership.logIds.get(id) ?? known?.logId;
    if (boundTo !== undefined && boundTo !== theirs.logId) {
      const what = `it has another log than before: ${theirs.logId}, the member had ${boundTo}. It has forgotten its votes and its entries`;
      return { what, toDo: wipedToDo };
    }
    const rolledBack = known === undefined ? undefined : this.#rolledBack(id, known, theirs);
    if (rolledBack !== undefined) return { what: rolledBack, toDo: wipedToDo };
    const what = contradiction(storage, commitIndex(), theirs);
    return what === undefined ? undefined : { what, toDo: otherClusterToDo };
  }

  #rolledBack(id: bigint, known: KnownMember, theirs: Introduction): string | undefined {
    if (theirs.run === known.run) return undefined;
    if (theirs.startCount < known.startCount) {
      return `its disk was put back, or is a copy: it says that it has started ${theirs.startCount} times, and it had started ${known.startCount} times before`;
    }
    if (theirs.startCount === known.startCount) {
      return `two processes run with copies of its disk: both have started ${theirs.startCount} times`;
    }
    const durableIndex = Math.max(known.durableIndex, this.#acknowledged(id));
    if (theirs.lastIndex >= durableIndex) return undefined;
    return `it has lost a part of its log: its last index is ${theirs.lastIndex}, and it had acknowledged index ${durableIndex}`;
  }

  /** Committed entries are never truncated: a member that has acknowledged them has them. */
  #acknowledged(id: bigint): number {
    const { matchIndex, commitIndex } = this.#parts;
    return Math.min(matchIndex(id), commitIndex());
  }

  #remember(id: bigint, { logId, startCount, run }: Introduction): void {
    const { keeper, state } = this.#parts;
    if (!state.membership.members.has(id)) return;
    const known = keeper.known(id);
    if (known?.run === run) return;
    const durableIndex = Math.max(known?.durableIndex ?? 0, this.#acknowledged(id));
    keeper.remember(id, { logId, startCount, run, durableIndex });
  }

  #report(told: Map<bigint, Refusal>, id: bigint, message: string): void {
    const { clock, logger, tell } = this.#parts;
    const before = told.get(id);
    if (told.size >= toldMax && before === undefined) told.clear();
    told.set(id, { ...before, message, atMs: clock.monotonicMs() });
    if (before?.message === message && this.#isNew(before)) return;
    logger?.warn(message);
    tell({ type: 'member-refused', id, message });
  }
}

const unreadable: Problem = {
  what: 'it does not introduce itself in a way that this release reads',
  toDo: 'run the same release on all members',
};
