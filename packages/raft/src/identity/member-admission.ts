/**
 * Decides which members this node talks to. Both sides of a connection introduce themselves, and
 * each judges the other: by the identity of the cluster, the log that the member had before, the
 * counter of its starts, the entries that it had acknowledged, and marks of entries.
 *
 * The other side is told `other-cluster`, whatever the reason is. This node reports the reason
 * itself: in the log once, in an event, and by `readiness()`.
 */
import type { Clock } from '@babuza/vfs';
import type { RaftEvent } from '../events.ts';
import type { Logger } from '../ports/logger.ts';
import { marksOf } from './entry-marks.ts';
import { decodeIntroduction, encodeIntroduction, type Introduction } from './introduction.ts';
import {
  MemberJudge,
  otherClusterToDo,
  unreadable,
  wipedToDo,
  type MemberJudgeParts,
  type Problem,
} from './member-judge.ts';
import { ReportLimit } from './report-limit.ts';
import { ToldProblems } from './told-problems.ts';

export interface MemberAdmissionParts extends MemberJudgeParts {
  readonly nodeId: bigint;
  readonly clock: Clock;
  readonly logger: Logger | undefined;
  readonly tell: (event: RaftEvent) => void;
  /** A member was admitted on a new connection. */
  readonly onAdmitted: (id: bigint) => void;
  /** Called with the wall clock of an admitted node, in ms since 1970. */
  readonly onClock?: (id: bigint, wallMs: number) => void;
}

/** Marks, and the commit index when they were taken: they prove something only together. */
interface Marks extends Pick<Introduction, 'commitIndex' | 'marks'> {
  readonly untilMs: number;
}

const marksKeptMs = 1000;
/**
 * How many introductions are kept for ids that are not in the membership, which anybody can make
 * up.
 */
const introductionsMax = 256;

export class MemberAdmission {
  readonly #parts: MemberAdmissionParts;
  readonly #judge: MemberJudge;
  /** The last introduction of each other member. */
  readonly #introductions = new Map<bigint, Introduction>();
  /** Members that this node refuses. */
  readonly #refused: ToldProblems;
  /** Members that refuse this node. */
  readonly #refusing: ToldProblems;
  /**
   * Members that were admitted before this node knew its cluster, and that belong to another one.
   */
  readonly #strangers = new Set<bigint>();
  #marks: Marks | undefined;
  /** The last introduction of this member, kept when the node has stopped. */
  #lastIntroduction: string | undefined;

  constructor(parts: MemberAdmissionParts) {
    this.#parts = parts;
    this.#judge = new MemberJudge(parts);
    const isMember = (id: bigint): boolean => parts.state.membership.members.has(id);
    const told = { ...parts, isMember, limit: new ReportLimit(parts.clock) };
    this.#refused = new ToldProblems(told);
    this.#refusing = new ToldProblems(told);
  }

  /** The current introduction of this member. */
  introduction(): string {
    if (this.#lastIntroduction !== undefined) return this.#lastIntroduction;
    const { keeper, storage, clock } = this.#parts;
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
      clockMs: Math.max(0, Math.floor(clock.wallMs())),
    });
  }

  /** Called when the node stops, before its log is closed. */
  stop(): void {
    this.#lastIntroduction = this.introduction();
  }

  /**
   * Reads the log at most once a second: without an open stream, each request carries an
   * introduction.
   */
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

  /** Returns the refusal of a member; `undefined` when it is admitted. */
  admit(id: bigint, text: string | undefined): 'other-cluster' | undefined {
    // The log may be closed by now, and no message is taken any more.
    if (this.#lastIntroduction !== undefined) return undefined;
    const introduction = decodeIntroduction(text);
    const before = this.#introductions.get(id);
    const problem =
      introduction === undefined ? unreadable : this.#judge.problemWith(id, introduction, before);
    if (problem !== undefined) {
      this.#refuse(id, problem);
      return 'other-cluster';
    }
    if (introduction === undefined) return 'other-cluster';
    this.#refused.over(id);
    this.#strangers.delete(id);
    // A new start of the member has not refused this node yet.
    if (before !== undefined && before.run !== introduction.run) this.#refusing.over(id);
    this.#keepIntroduction(id, introduction);
    this.#remember(id, introduction);
    if (introduction.clockMs !== undefined) this.#parts.onClock?.(id, introduction.clockMs);
    this.#parts.onAdmitted(id);
    return undefined;
  }

  /** Called when another member has refused this one. */
  refusedBy(id: bigint): void {
    this.#refusing.met(
      id,
      'refused-by-it',
      `member ${id} refuses this member (other-cluster): it considers this one a member of another cluster, one with another log than before, or one whose disk was restored from a copy; the log lines of that member give the reason. ${wipedToDo}; otherwise ${otherClusterToDo}`,
    );
  }

  /** Called when another member has admitted this one. */
  admittedBy(id: bigint): void {
    this.#refusing.over(id);
  }

  /**
   * Whether messages of this member are taken. A request delivers its messages before its sender
   * has seen the receiver's introduction, so messages also come from members that refuse this one.
   */
  takesFrom(id: bigint): boolean {
    return !this.#refusing.has(id) && !this.#strangers.has(id);
  }

  /**
   * Called when this node has learned more of its identity: connections of another cluster may be
   * open.
   */
  identityChanged(): void {
    for (const [id, introduction] of this.#introductions) {
      const problem = this.#judge.otherCluster(introduction);
      if (problem === undefined) continue;
      this.#introductions.delete(id);
      this.#strangers.add(id);
      this.#refuse(id, problem);
    }
  }

  /**
   * Called for a message that only a leader sends. A member that does not know its cluster takes
   * the leader's.
   */
  heardLeader(id: bigint): void {
    const { keeper } = this.#parts;
    const told = this.#introductions.get(id);
    if (keeper.isSettled || told?.birth === undefined) return;
    keeper.adopt({ origin: told.origin, birth: told.birth });
    this.identityChanged();
  }

  /** Members whose log this node knows and the membership does not have yet. */
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

  /** Stores what the other members have acknowledged. A leader calls it from time to time. */
  keepAcknowledged(): void {
    const { keeper, state } = this.#parts;
    for (const id of state.membership.members.keys()) {
      const member = keeper.known(id);
      const durableIndex = this.#judge.acknowledged(id);
      if (member !== undefined && durableIndex > member.durableIndex) {
        keeper.remember(id, { ...member, durableIndex });
      }
    }
  }

  removed(id: bigint): void {
    this.#parts.keeper.forget(id);
    this.#introductions.delete(id);
    this.#strangers.delete(id);
    this.#refused.forget(id);
    this.#refusing.forget(id);
  }

  /** The current problems with other members, as text for people. */
  problems(): readonly string[] {
    return [...this.#refused.messages(), ...this.#refusing.messages()];
  }

  #remember(id: bigint, { logId, startCount, run }: Introduction): void {
    const { keeper, state } = this.#parts;
    if (!state.membership.members.has(id)) return;
    const known = keeper.known(id);
    if (known?.run === run) return;
    const durableIndex = Math.max(known?.durableIndex ?? 0, this.#judge.acknowledged(id));
    keeper.remember(id, { logId, startCount, run, durableIndex });
  }

  #keepIntroduction(id: bigint, introduction: Introduction): void {
    // Keeps the map in the order of the last introduction.
    this.#introductions.delete(id);
    this.#introductions.set(id, introduction);
    if (this.#introductions.size > introductionsMax) this.#forgetOldestStranger();
  }

  /** Drops the oldest introduction of a node that is not a member. */
  #forgetOldestStranger(): void {
    const { members } = this.#parts.state.membership;
    for (const id of this.#introductions.keys()) {
      if (members.has(id)) continue;
      this.#introductions.delete(id);
      return;
    }
  }

  #refuse(id: bigint, { what, toDo, kind }: Problem): void {
    this.#refused.met(id, kind, `member ${id} is refused: ${what}; ${toDo}`);
  }
}
