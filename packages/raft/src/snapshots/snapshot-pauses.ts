/**
 * Decides how long a leader waits before it sends a member the next snapshot. The Raft core asks
 * for one with every answer to a heartbeat, as long as the member does not match its log. Without
 * pauses, a member that receives snapshots and does not use them, or refuses them, would be sent
 * one ten times a second without end.
 *
 * A pause delays only the sending: the core waits for the report about its snapshot meanwhile. At
 * the end of the pause a failure is reported, so that the core asks again, for the snapshot that is
 * the newest then.
 */
import type { RawNode } from '@babuza/raft-core';
import type { Message, SnapshotMetadata } from '@babuza/raftpb';
import type { Clock, Timer } from '@babuza/vfs';
import type { RaftEvent } from '../events.ts';
import type { Logger } from '../ports/logger.ts';

export interface SnapshotPausesParts {
  readonly clock: Clock;
  readonly electionTimeoutMs: number;
  /**
   * The index up to which a member's log is known to match that of this leader; 0 when nothing is
   * known.
   */
  readonly matchOf: (member: bigint) => number;
  readonly logger: Logger | undefined;
  readonly tell: (event: RaftEvent) => void;
}

/** The results of the snapshots that the leader of one term has sent to one member. */
interface Sends {
  readonly term: number;
  /**
   * The index of the last snapshot that has arrived, until it is known whether the member uses it.
   */
  arrivedIndex: number | undefined;
  /** How many snapshots in a row were received and not used. */
  unused: number;
  /** How many snapshots in a row did not arrive. */
  failed: number;
  /** Nothing is sent before this time of the monotonic clock. */
  dueMs: number;
  /** Calls `due` at `dueMs`. */
  timer: Timer | undefined;
  due: () => void;
}

/** The first pause after a snapshot that was not used, or an election timeout if that is longer. */
const unusedPauseMsMin = 2000;
/** The longest pause. */
const pauseMsMax = 5 * 60_000;
/**
 * The longest pause after failures, in election timeouts; the first pause is one election timeout.
 * It is short, because a failure may be due to a connection that comes back.
 */
const failedPauseTimeoutsMax = 10;

export class SnapshotPauses {
  readonly #parts: SnapshotPausesParts;
  readonly #members = new Map<bigint, Sends>();

  constructor(parts: SnapshotPausesParts) {
    this.#parts = parts;
  }

  /** Whether this snapshot of the core must wait. If so, `due` is called when the pause is over. */
  holds({ to, term }: Message, due: () => void): boolean {
    const sends = this.#members.get(to);
    if (sends === undefined) return false;
    sends.timer?.cancel();
    const { arrivedIndex = Infinity } = sends;
    const matchIndex = this.#parts.matchOf(to);
    if (sends.term !== term || matchIndex >= arrivedIndex) {
      this.#members.delete(to);
      return false;
    }
    if (arrivedIndex !== Infinity) this.#noteUnused(to, sends, arrivedIndex, matchIndex);
    sends.due = due;
    return this.#wait(sends);
  }

  /**
   * The member has received this snapshot. If it does not use it, the core asks for another one.
   */
  arrived(message: Message, { index }: SnapshotMetadata): void {
    const sends = this.#of(message);
    if (sends === undefined) return;
    sends.arrivedIndex = index;
    sends.failed = 0;
  }

  /** The snapshot did not arrive, or could not be made. */
  failed(message: Message): void {
    const { clock, electionTimeoutMs } = this.#parts;
    const sends = this.#of(message);
    if (sends === undefined) return;
    sends.arrivedIndex = undefined;
    sends.failed += 1;
    const maxMs = Math.min(pauseMsMax, failedPauseTimeoutsMax * electionTimeoutMs);
    sends.dueMs = clock.monotonicMs() + grown(electionTimeoutMs, sends.failed, maxMs);
  }

  /**
   * The member could not be reached for a moment. Its process may have been restarted, with the
   * problem fixed that kept it from using a snapshot, so it waits at most one first pause. Later
   * pauses go on growing.
   */
  unreachable(member: bigint): void {
    const sends = this.#members.get(member);
    if (sends === undefined) return;
    const dueMs = this.#parts.clock.monotonicMs() + this.#firstPauseMs;
    if (dueMs >= sends.dueMs) return;
    sends.dueMs = dueMs;
    if (sends.timer === undefined) return;
    sends.timer.cancel();
    this.#wait(sends);
  }

  stop(): void {
    for (const { timer } of this.#members.values()) timer?.cancel();
    this.#members.clear();
  }

  get #firstPauseMs(): number {
    return Math.max(unusedPauseMsMin, this.#parts.electionTimeoutMs);
  }

  /**
   * `undefined` when the sending began in an older term, which says nothing about the snapshots of
   * this one.
   */
  #of({ to, term }: Message): Sends | undefined {
    const known = this.#members.get(to);
    if (known !== undefined && known.term >= term) return known.term === term ? known : undefined;
    known?.timer?.cancel();
    const sends: Sends = {
      term,
      arrivedIndex: undefined,
      unused: 0,
      failed: 0,
      dueMs: -Infinity,
      timer: undefined,
      due: () => undefined,
    };
    this.#members.set(to, sends);
    return sends;
  }

  /** The core asks for another snapshot although the member has received one. */
  #noteUnused(member: bigint, sends: Sends, index: number, matchIndex: number): void {
    const { clock, logger, tell } = this.#parts;
    sends.arrivedIndex = undefined;
    sends.unused += 1;
    const { unused: times } = sends;
    const pauseMs = grown(this.#firstPauseMs, times, pauseMsMax);
    sends.dueMs = clock.monotonicMs() + pauseMs;
    logger?.warn(
      `member ${member} has received the snapshot at index ${index} and does not use it: its log is ` +
        `known to match up to index ${matchIndex}. The next snapshot is sent to it in ${pauseMs} ms ` +
        `(unused so far: ${times}). Read the log lines of that member. If it belongs to another ` +
        'cluster, remove it, empty its directory, and add it under a new id.',
    );
    tell({ type: 'unused-snapshot', member, index, times, pauseMs });
  }

  /** Starts the timer. False when the pause is over already. */
  #wait(sends: Sends): boolean {
    const { clock } = this.#parts;
    sends.timer = undefined;
    const leftMs = sends.dueMs - clock.monotonicMs();
    if (leftMs <= 0) return false;
    sends.timer = clock.startTimer(leftMs, () => {
      sends.timer = undefined;
      sends.due();
    });
    return true;
  }
}

/** The first pause, doubled each time after the first. */
function grown(firstMs: number, times: number, maxMs: number): number {
  return Math.min(maxMs, firstMs * 2 ** (times - 1));
}

/** The index up to which a member's log is known to match the leader's; 0 when nothing is known. */
export function matchIndexOf(node: RawNode, member: bigint): number {
  let matchIndex = 0;
  node.visitProgress(({ id, match }) => {
    if (id === member) matchIndex = match;
  });
  return matchIndex;
}
