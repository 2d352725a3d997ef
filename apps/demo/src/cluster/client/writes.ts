/**
 * Writes of a client, each of which applies once. They share one session, opened with the first of
 * them. When it has ended at the cluster, as one that was not used for long, writes go on in a new
 * one if it is certain that they were not applied. Where an attempt may have been, they are told
 * so: in another session they would be other writes.
 */
import { Answer } from './answers.ts';
import type { Attempts } from './attempts.ts';
import type { HttpRequest } from './connections.ts';
import { KeyValueError, SessionExpiredError } from './errors.ts';
import { Gate } from './gate.ts';
import { ClientSession } from './session.ts';
import type { Waits } from './waits.ts';

/** How long the cluster is asked for a session, and told of its end. */
const sessionDeadlineMs = 10_000;
const endDeadlineMs = 500;

export interface WriteTiming {
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
}

export class Writes {
  readonly #attempts: Attempts;
  readonly #waits: Waits;
  readonly #gate: Gate;
  #session: Promise<ClientSession> | undefined;

  constructor(attempts: Attempts, waits: Waits, writesMax: number) {
    this.#attempts = attempts;
    this.#waits = waits;
    this.#gate = new Gate(writesMax, waits);
  }

  /**
   * The answer to this write, which is sent within the session. Rejects with the errors of
   * `errors.ts`.
   */
  async send(request: HttpRequest, { deadline, signal }: WriteTiming): Promise<Answer> {
    const inTime = await this.#gate.enter(signal, deadline - performance.now());
    if (!inTime) throw lateError('too many writes are under way');
    try {
      for (;;) {
        const opening = this.#open();
        const session = await this.#opened(opening, { deadline, signal });
        const answer = await this.#sendWithin(session, opening, request, { deadline, signal });
        if (answer !== undefined) return answer;
      }
    } finally {
      this.#gate.leave();
    }
  }

  /** Opens the session now, so that no write has to wait for it. */
  async prepare(timing: WriteTiming): Promise<void> {
    await this.#opened(this.#open(), timing);
  }

  /** `undefined`: the session has ended, and the write was certainly not applied. */
  async #sendWithin(
    session: ClientSession,
    opening: Promise<ClientSession>,
    request: HttpRequest,
    timing: WriteTiming,
  ): Promise<Answer | undefined> {
    const sequence = session.begin();
    try {
      const answer = await this.#attempts.run({
        kind: 'session',
        ...timing,
        request: () => ({
          ...request,
          headers: {
            ...request.headers,
            'babuza-session': session.id.toString(),
            'babuza-sequence': sequence.toString(),
            // The current value, so that the cluster can drop answers that the client has received
            // since the last attempt.
            'babuza-lowest-unanswered': session.lowestUnanswered.toString(),
          },
        }),
      });
      return Answer.of(answer);
    } catch (error) {
      if (!(error instanceof SessionExpiredError)) throw error;
      if (this.#session === opening) this.#session = undefined;
      if (error.outcome === 'unknown') throw error;
      return undefined;
    } finally {
      session.end(sequence);
    }
  }

  /** The session of the client. Opening it belongs to no single write: others wait for it, too. */
  #open(): Promise<ClientSession> {
    if (this.#session !== undefined) return this.#session;
    const opening = this.#register();
    this.#session = opening;
    opening.catch(() => {
      if (this.#session === opening) this.#session = undefined;
    });
    return opening;
  }

  /**
   * Registers a session. It is repeated when its answer is lost, because an unused session expires
   * by itself.
   */
  async #register(): Promise<ClientSession> {
    const answer = await this.#attempts.run({
      kind: 'read',
      deadline: performance.now() + sessionDeadlineMs,
      signal: undefined,
      request: () => ({ method: 'POST', path: '/v1/sessions', headers: {}, body: [] }),
    });
    return new ClientSession(Answer.of(answer).number('session'));
  }

  #opened(
    opening: Promise<ClientSession>,
    { deadline, signal }: WriteTiming,
  ): Promise<ClientSession> {
    return this.#waits.wait<ClientSession>(signal, (resolve, reject) => {
      const leftMs = Math.max(0, deadline - performance.now());
      const timer = setTimeout(() => reject(lateError('no session was opened in time')), leftMs);
      opening.then(resolve, reject);
      return () => clearTimeout(timer);
    });
  }

  /**
   * Tells the cluster that the session is not needed any more. Whether that arrives matters little:
   * see `#register`.
   */
  async end(): Promise<void> {
    const opening = this.#session;
    if (opening === undefined) return;
    this.#session = undefined;
    try {
      const deadline = performance.now() + endDeadlineMs;
      const { id } = await this.#opened(opening, { deadline, signal: undefined });
      await this.#attempts.run({
        kind: 'read',
        deadline,
        signal: undefined,
        request: () => ({
          method: 'DELETE',
          path: `/v1/sessions/${id}`,
          headers: {},
          body: [],
        }),
      });
    } catch {
      // An unused session expires by itself.
    }
  }
}

function lateError(why: string): KeyValueError {
  return new KeyValueError('KEY_VALUE_DEADLINE', `the deadline has passed: ${why}`, {
    outcome: 'not-applied',
  });
}
