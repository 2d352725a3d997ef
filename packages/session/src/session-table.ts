/**
 * The sessions of a group in the order of their last use, which is the order in which they end. All
 * managers that keep sessions share this class and differ in their limits. The state is replicated
 * and depends on the calls and the limits. So the limits are part of the encoded state, and all
 * members must have the same.
 */
import type { ApplyResult, SessionCall } from '@babuza/raft';
import type { SessionManager, SessionVerdict } from '@babuza/raft/ports';
import { SessionError, checkWhole } from './errors.ts';
import { Session, type KeptResult } from './session.ts';
import {
  decodeSessions,
  encodeSessions,
  type SessionKind,
  type SessionLimits,
} from './session-bytes.ts';
import { SessionsInOrder } from './sessions-in-order.ts';

const expiredVerdict: SessionVerdict = Object.freeze({ kind: 'expired' });
const lostResult: KeptResult = Object.freeze({ result: undefined, lost: true });
const emptyResult: KeptResult = Object.freeze({ result: undefined, lost: false });

export class SessionTable implements SessionManager {
  readonly #kind: SessionKind;
  readonly #limits: SessionLimits;
  #sessions = new SessionsInOrder();
  /** The number of results of all sessions. At most `resultsMax`, and one more for each session. */
  #resultCount = 0;
  /** The latest time of the log. It never decreases. */
  #timeMs = 0;

  constructor(kind: SessionKind, limits: SessionLimits) {
    this.#kind = kind;
    this.#limits = limits;
  }

  get count(): number {
    return this.#sessions.size;
  }

  register(sessionId: number, timeMs: number): void {
    checkWhole('sessionId', sessionId, 1);
    this.#advance(timeMs);
    if (this.#sessions.has(sessionId)) {
      throw new SessionError('SESSION_INVALID', `session ${sessionId} is registered already`);
    }
    this.#sessions.add(new Session(sessionId, this.#timeMs));
    const { oldest } = this.#sessions;
    if (oldest !== undefined && this.#sessions.size > this.#limits.sessionsMax)
      this.#end(oldest.id);
  }

  unregister(sessionId: number, timeMs: number): boolean {
    this.#advance(timeMs);
    return this.#end(sessionId);
  }

  judge(call: SessionCall, timeMs: number): SessionVerdict {
    const sequence = checkWhole('sequence', call.sequence, 0);
    const lowestUnanswered = checkWhole('lowestUnanswered', call.lowestUnanswered, 0);
    this.#advance(timeMs);
    const session = this.#sessions.get(call.sessionId);
    if (session === undefined) return expiredVerdict;
    this.#use(session);
    const { resultsMax, resultsPerSessionMax } = this.#limits;
    const elsewhere = this.#resultCount - session.size;
    // Clients that do not acknowledge their results can use up `resultsMax`. Other sessions can
    // still go on then, with one result each.
    session.raiseLowest(lowestUnanswered);
    const isCrowded = elsewhere + session.size >= resultsMax;
    const verdict = session.judge(sequence, isCrowded ? 1 : resultsPerSessionMax);
    this.#resultCount = elsewhere + session.size;
    return verdict;
  }

  record(call: SessionCall, result: ApplyResult, resultLost: boolean): void {
    if (result !== undefined && !(result instanceof Uint8Array)) {
      const problem = `a result must be a Uint8Array or undefined, got ${typeof result}`;
      throw new SessionError('SESSION_INVALID', problem);
    }
    const session = this.#sessions.get(call.sessionId);
    // A later proposal may have ended the session. Nobody asks for the result then.
    if (session === undefined) return;
    if (session.record(call.sequence, this.#kept(result, resultLost))) return;
    throw new SessionError(
      'SESSION_INVALID',
      `sequence ${call.sequence} of session ${call.sessionId} waits for no result`,
    );
  }

  encode(): Uint8Array {
    return encodeSessions(this.#kind, this.#limits, {
      timeMs: this.#timeMs,
      sessions: this.#sessions,
    });
  }

  restore(bytes?: Uint8Array): void {
    const { timeMs, sessions } =
      bytes === undefined
        ? { timeMs: 0, sessions: new SessionsInOrder() }
        : decodeSessions(bytes, this.#kind, this.#limits);
    this.#timeMs = timeMs;
    this.#sessions = sessions;
    this.#resultCount = 0;
    for (const session of sessions) this.#resultCount += session.size;
  }

  /** Advances the time, and ends the sessions whose last use is too old. */
  #advance(timeMs: number): void {
    this.#timeMs = Math.max(this.#timeMs, checkWhole('timeMs', timeMs, 0));
    const { expireMs } = this.#limits;
    if (expireMs === 0) return;
    let { oldest } = this.#sessions;
    while (oldest !== undefined && this.#timeMs - oldest.lastUsedMs > expireMs) {
      this.#end(oldest.id);
      ({ oldest } = this.#sessions);
    }
  }

  #use(session: Session): void {
    session.lastUsedMs = this.#timeMs;
    this.#sessions.use(session);
  }

  /**
   * Ends a session and returns whether it existed. Others may keep results in place of its results.
   */
  #end(sessionId: number): boolean {
    const session = this.#sessions.delete(sessionId);
    if (session === undefined) return false;
    this.#resultCount -= session.size;
    return true;
  }

  /** A copy, because the result belongs to the state machine. */
  #kept(result: ApplyResult, resultLost: boolean): KeptResult {
    if (resultLost) return lostResult;
    if (result === undefined) return emptyResult;
    if (result.length > this.#limits.resultBytesMax) return lostResult;
    return { result: new Uint8Array(result), lost: false };
  }
}
