/**
 * One call, tried until it is answered, refused for good, or its time is over. What may be tried
 * again depends on what is known of the attempt before, and on what the call is:
 *
 * - `read`: anything may be repeated; its outcome is never unknown, because it changes nothing that
 *   matters.
 * - `session`: a write with a sequence: it may be repeated whatever became of it, because it
 *   applies once.
 * - `once`: a change that has no sequence: it is repeated only where the attempt has certainly done
 *   nothing.
 */
import { answerErrorOf } from './answers.ts';
import type { Connections, HttpAnswer, HttpRequest } from './connections.ts';
import {
  type AnswerError,
  ConnectionError,
  KeyValueError,
  SessionExpiredError,
  type Outcome,
} from './errors.ts';
import type { Nodes } from './nodes.ts';
import type { Waits } from './waits.ts';

export interface AttemptSettings {
  /** Of one attempt: a node that hangs must not take all the time of a call. */
  readonly attemptTimeoutMs: number;
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** From 0 to below 1. */
  readonly random: () => number;
}

export interface Call {
  readonly kind: 'read' | 'session' | 'once';
  /** Made anew for each attempt. */
  readonly request: () => HttpRequest;
  /** In the milliseconds of `performance.now`. */
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
  /** Only this node will do. */
  readonly at?: string | undefined;
  /** An error that is as good as an answer. */
  readonly answerCode?: string | undefined;
}

/** Nothing has been done, and the next attempt may do it. */
const notDoneCodes: ReadonlySet<string> = new Set(['RAFT_NOT_LEADER', 'RAFT_BUSY', 'API_BUSY']);
/**
 * The same, but a change without a sequence asks its caller first: the leader or the place in the
 * log was lost.
 */
const droppedCode = 'RAFT_DROPPED';
/** It could have been done. Other answers from 500 on are taken as these. */
const uncertainCodes: ReadonlySet<string> = new Set(['API_REQUEST_TIMEOUT', 'API_CLIENT_GONE']);

export class Attempts {
  readonly #connections: Connections;
  readonly #nodes: Nodes;
  readonly #waits: Waits;
  readonly #settings: AttemptSettings;

  constructor(connections: Connections, nodes: Nodes, waits: Waits, settings: AttemptSettings) {
    this.#connections = connections;
    this.#nodes = nodes;
    this.#waits = waits;
    this.#settings = settings;
  }

  /** Rejects with the errors of `errors.ts`, or the reason of the signal. */
  async run(call: Call): Promise<HttpAnswer> {
    const state: State = { last: undefined, outcome: 'not-applied', atOnce: false };
    for (let waits = 0; ;) {
      const leftMs = call.deadline - performance.now();
      if (leftMs <= 0) throw deadlineError(state);
      const answer = await this.#attempt(call, state, leftMs);
      if (answer !== undefined) return answer;
      if (state.atOnce) continue;
      const pauseMs = Math.min(this.#backoffMs(waits), call.deadline - performance.now());
      if (pauseMs > 0) await this.#waits.pause(pauseMs, call.signal);
      waits += 1;
    }
  }

  /** The leader is known to be another one: it is asked from now on. */
  follow(leaderApi: string | undefined): void {
    if (leaderApi !== undefined) this.#nodes.redirected(this.#nodes.current, leaderApi);
  }

  /** `undefined`: another attempt may follow. */
  async #attempt(call: Call, state: State, leftMs: number): Promise<HttpAnswer | undefined> {
    const node = call.at ?? this.#nodes.current;
    const timeoutMs = Math.max(1, Math.ceil(Math.min(this.#settings.attemptTimeoutMs, leftMs)));
    let answer: HttpAnswer;
    try {
      answer = await this.#connections.send(node, call.request(), timeoutMs, call.signal);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.#nodes.failed(node);
      state.last = error;
      state.atOnce = false;
      if (error.sent && call.kind !== 'read') state.outcome = 'unknown';
      if (error.sent && call.kind === 'once') throw unknownError(error);
      return undefined;
    }
    if (answer.status < 300) return answer;
    const error = answerErrorOf(answer);
    if (error.code === call.answerCode) return answer;
    state.last = error;
    this.#judge(call, error, state, node);
    return undefined;
  }

  /** Throws where no other attempt may follow. */
  #judge(call: Call, error: AnswerError, state: State, node: string): void {
    const { code, status, leaderApi } = error;
    const wasAtOnce = state.atOnce;
    state.atOnce = false;
    if (code === 'RAFT_SESSION_EXPIRED') throw new SessionExpiredError(state.outcome, error);
    if (code === 'RAFT_NOT_LEADER') {
      // Two nodes that point at each other must not be asked in a tight loop.
      if (call.at !== undefined) throw refusedError(error, state.outcome);
      state.atOnce = this.#nodes.redirected(node, leaderApi) && !wasAtOnce;
      return;
    }
    if (notDoneCodes.has(code) || (code === droppedCode && call.kind !== 'once')) return;
    const isUncertain = code !== droppedCode && (status >= 500 || uncertainCodes.has(code));
    if (!isUncertain) throw refusedError(error, state.outcome);
    if (call.kind === 'once') throw unknownError(error);
    if (call.kind !== 'read') state.outcome = 'unknown';
    this.#nodes.failed(node);
  }

  /**
   * Doubles up to the largest; the half of it by chance, so that many clients do not come back at
   * one time.
   */
  #backoffMs(waits: number): number {
    const { backoffMinMs, backoffMaxMs, random } = this.#settings;
    const wholeMs = Math.min(backoffMaxMs, backoffMinMs * 2 ** Math.min(waits, 30));
    return (wholeMs * (1 + random())) / 2;
  }
}

interface State {
  last: Error | undefined;
  /** Of all attempts so far. */
  outcome: Outcome;
  /** The last attempt named another node, which is asked without a pause. */
  atOnce: boolean;
}

function deadlineError({ last, outcome }: State): KeyValueError {
  const tried = last === undefined ? 'nothing was sent' : last.message;
  return new KeyValueError('KEY_VALUE_DEADLINE', `the deadline has passed; at last: ${tried}`, {
    outcome,
    cause: last,
  });
}

/** Answers that come after the effect of an earlier attempt, and codes that tell of one, say so. */
function refusedError(error: AnswerError, outcome: Outcome): KeyValueError {
  const isApplied = error.code === 'API_RESULT_LOST' || error.code === 'RAFT_SEQUENCE_STALE';
  return new KeyValueError('KEY_VALUE_REFUSED', error.message, {
    outcome: isApplied ? 'unknown' : outcome,
    cause: error,
  });
}

function unknownError(cause: Error): KeyValueError {
  const message = `the answer got lost: ${cause.message}`;
  return new KeyValueError('KEY_VALUE_OUTCOME_UNKNOWN', message, { outcome: 'unknown', cause });
}
