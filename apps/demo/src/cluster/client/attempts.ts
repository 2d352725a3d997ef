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
  /**
   * The timeout of one attempt, so that a node that hangs does not use up the deadline of a call.
   */
  readonly attemptTimeoutMs: number;
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** From 0 to below 1. */
  readonly random: () => number;
}

export interface Call {
  readonly kind: 'read' | 'session' | 'once';
  /** Makes a new request for each attempt. */
  readonly request: () => HttpRequest;
  /** The deadline in ms of `performance.now`. */
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
  /** The only node to ask. */
  readonly at?: string | undefined;
  /** An error code that the caller treats as an answer. */
  readonly answerCode?: string | undefined;
}

/** The request was not executed, and another attempt may succeed. */
const notDoneCodes: ReadonlySet<string> = new Set(['RAFT_NOT_LEADER', 'RAFT_BUSY', 'API_BUSY']);
/**
 * The proposal was dropped, because its leader or its log position was lost. A change without a
 * sequence is not repeated; its caller decides.
 */
const droppedCode = 'RAFT_DROPPED';
/** The request may have been executed. Other statuses from 500 on are treated the same. */
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

  /** Asks this leader from now on. */
  follow(leaderApi: string | undefined): void {
    if (leaderApi !== undefined) this.#nodes.redirected(this.#nodes.current, leaderApi);
  }

  /** Returns `undefined` when another attempt may follow. */
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

  /** Throws when no other attempt may follow. */
  #judge(call: Call, error: AnswerError, state: State, node: string): void {
    const { code, status, leaderApi } = error;
    const wasAtOnce = state.atOnce;
    state.atOnce = false;
    if (code === 'RAFT_SESSION_EXPIRED') throw new SessionExpiredError(state.outcome, error);
    if (code === 'RAFT_NOT_LEADER') {
      // A pause prevents a tight loop when two nodes name each other as leader.
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
  /** The outcome of all attempts so far. */
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
