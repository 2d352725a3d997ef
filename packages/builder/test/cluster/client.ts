/**
 * A client of the cluster. It has one or two operations at a time, at any node, and repeats them
 * until it has an answer, as an application would. In a session a repeated proposal is applied
 * once. Outside a session, a proposal that may have been applied is not repeated.
 */
import type { ProposeResult, Raft, SessionCall } from '@babuza/raft';
import type {
  KeyValueInput,
  KeyValueOperation,
  KeyValueOutput,
  SeededRandom,
  SimulatedClock,
} from '@babuza/testkit';
import type { Coincidences } from './coincidences.ts';
import { encodeCommand, hasSet } from './key-value-machine.ts';
import type { AppliedLedger } from './ledger.ts';
import type { ClusterOptions } from './options.ts';

type Node = Raft<string, string | undefined>;

export interface ClientParts {
  readonly options: ClusterOptions;
  readonly clock: SimulatedClock;
  readonly random: SeededRandom;
  readonly ledger: AppliedLedger;
  /** The nodes that are running. */
  readonly nodes: () => readonly Node[];
  /** The position of the next call or return in the history. */
  readonly nextPlace: () => number;
  readonly coincidences: Coincidences;
  readonly fail: (problem: string, cause?: unknown) => void;
}

const attemptsMax = 25;

/** A session and its unanswered proposals. */
interface OpenSession {
  readonly id: number;
  readonly unanswered: Set<number>;
  sequence: number;
}

export class Client {
  readonly #number: number;
  readonly #parts: ClientParts;
  readonly operations: KeyValueOperation[] = [];
  readonly #usesSession: boolean;
  #session: OpenSession | undefined;
  #opening: Promise<void> | undefined;
  #count = 0;

  constructor(number: number, parts: ClientParts) {
    this.#number = number;
    this.#parts = parts;
    this.#usesSession = parts.options.sessionType !== 'noop' && parts.random.chance(0.8);
  }

  async runUntil(isOver: () => boolean): Promise<void> {
    const { clock, random } = this.#parts;
    while (!isOver()) {
      const beside = random.chance(0.2) ? this.#operate(this.#draw()) : undefined;
      await this.#operate(this.#draw());
      await beside;
      await clock.sleep(random.below(40));
    }
  }

  #draw(): KeyValueInput {
    const { random, options } = this.#parts;
    const key = `key-${random.below(options.keyCount)}`;
    this.#count += 1;
    const value = `${this.#number}.${this.#count}`;
    if (random.chance(0.45)) return { kind: 'get', key };
    if (random.chance(0.6)) return { kind: 'put', key, value };
    const last = this.operations.findLast(({ input }) => input.key === key)?.returned?.output;
    const expected = typeof last === 'string' ? last : undefined;
    return { kind: 'compare-and-set', key, expected, value };
  }

  async #operate(input: KeyValueInput): Promise<void> {
    const calledAt = this.#parts.nextPlace();
    const output = await (input.kind === 'get' ? this.#get(input.key) : this.#change(input));
    const operation = { client: this.#number, input, calledAt };
    // Operations that certainly had no effect are removed from the history, and so are reads
    // without an answer.
    if (output === 'never') return;
    if (output === 'unknown') this.operations.push(operation);
    else {
      const returned = { at: this.#parts.nextPlace(), output: output.value };
      this.operations.push({ ...operation, returned });
    }
  }

  async #get(key: string): Promise<{ value: KeyValueOutput } | 'never'> {
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      const node = this.#node(undefined);
      const value = await this.#answer(node?.read(key));
      if (value !== undefined && 'answer' in value) return { value: value.answer };
      await this.#pause();
    }
    return 'never';
  }

  async #change(input: KeyValueInput): Promise<{ value: KeyValueOutput } | 'unknown' | 'never'> {
    const { random, options } = this.#parts;
    const data = encodeCommand(input, 'x'.repeat(random.below(options.fillerMax + 1)));
    if (!this.#usesSession) return this.#propose(input, data, undefined, () => undefined);
    await this.#openSession();
    const session = this.#session;
    if (session === undefined) return 'never';
    session.sequence += 1;
    const { id: sessionId, sequence, unanswered } = session;
    unanswered.add(sequence);
    const call = { sessionId, sequence, lowestUnanswered: Math.min(...unanswered) };
    // An unanswered proposal may still be applied, so its sequence number must not be reused.
    const giveUp = (): void => {
      if (this.#session === session) this.#session = undefined;
    };
    const outcome = await this.#propose(input, data, call, giveUp);
    unanswered.delete(sequence);
    return outcome;
  }

  async #propose(
    input: KeyValueInput,
    data: Uint8Array,
    session: SessionCall | undefined,
    giveUp: () => void,
  ): Promise<{ value: KeyValueOutput } | 'unknown' | 'never'> {
    let isUnknown = false;
    let leader: bigint | undefined;
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      const node = this.#node(leader);
      // The same operation is sent twice at once.
      if (session !== undefined && this.#parts.random.chance(0.1)) {
        void this.#answer(node?.propose(data, { session }));
      }
      const outcome = await this.#answer(node?.propose(data, { session }));
      if (outcome !== undefined && 'answer' in outcome) {
        const { result, resultLost } = outcome.answer;
        this.#checkAnswer(outcome.answer, data, session !== undefined);
        if (resultLost) return 'unknown';
        return { value: input.kind === 'put' ? undefined : hasSet(result) };
      }
      leader = outcome?.leader;
      if (outcome?.code === 'RAFT_SESSION_EXPIRED') {
        giveUp();
        return isUnknown ? 'unknown' : 'never';
      }
      // The process has ended, or does not know the outcome.
      if (outcome === undefined || outcome.isUnknown) {
        isUnknown = true;
        if (session === undefined) return 'unknown';
      }
      await this.#pause();
    }
    giveUp();
    return isUnknown ? 'unknown' : 'never';
  }

  /** A node that reports the proposal as applied must have applied it. */
  #checkAnswer(
    { index, term, resultLost }: ProposeResult,
    data: Uint8Array,
    isInSession: boolean,
  ): void {
    const { ledger, fail } = this.#parts;
    // In a session this may be the answer to an earlier attempt.
    const isApplied =
      isInSession || resultLost ? ledger.hasApplied(data) : ledger.holds(index, term, data);
    if (!isApplied) fail(`acknowledged and not applied: index ${index} of term ${term}`);
  }

  /** Opens a session if there is none. The attempt may fail. */
  async #openSession(): Promise<void> {
    this.#opening ??= this.#tryOpenSession().finally(() => {
      this.#opening = undefined;
    });
    await this.#opening;
  }

  async #tryOpenSession(): Promise<void> {
    for (let attempt = 0; this.#session === undefined && attempt < attemptsMax; attempt += 1) {
      const outcome = await this.#answer(this.#node(undefined)?.registerSession());
      if (outcome !== undefined && 'answer' in outcome) {
        this.#session = { id: outcome.answer, sequence: 0, unanswered: new Set() };
      } else await this.#pause();
    }
  }

  /**
   * Resolves to the answer of a node or the reason for its absence, or to nothing if the node
   * crashed meanwhile.
   */
  async #answer<T>(
    answer: Promise<T> | undefined,
  ): Promise<
    { answer: T } | { code: unknown; isUnknown: boolean; leader: bigint | undefined } | undefined
  > {
    const { clock, fail } = this.#parts;
    // No node was running, so the operation certainly had no effect.
    if (answer === undefined) return { code: 'none', isUnknown: false, leader: undefined };
    let patience: { cancel(): void } | undefined;
    const impatient = new Promise<undefined>((resolve) => {
      patience = clock.startTimer(1500, () => resolve(undefined));
    });
    try {
      const got = await Promise.race([answer.then((value) => ({ answer: value })), impatient]);
      return got;
    } catch (error) {
      const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
      if (typeof code !== 'string' || !code.startsWith('RAFT_')) {
        fail('an error without a code of the node', error);
      }
      if (String(error).includes('covered by a snapshot')) {
        this.#parts.coincidences.proposalCovered += 1;
      }
      const hint: unknown = error instanceof Error ? Reflect.get(error, 'leader') : undefined;
      const leader: unknown =
        typeof hint === 'object' && hint !== null ? Reflect.get(hint, 'id') : undefined;
      const isUnknown = code === 'RAFT_OUTCOME_UNKNOWN' || code === 'RAFT_STOPPED';
      return { code, isUnknown, leader: typeof leader === 'bigint' ? leader : undefined };
    } finally {
      patience?.cancel();
    }
  }

  #node(preferred: bigint | undefined): Node | undefined {
    const { nodes, random } = this.#parts;
    const up = nodes();
    return (
      up.find(({ nodeId }) => nodeId === preferred) ?? up[random.below(Math.max(1, up.length))]
    );
  }

  #pause(): Promise<void> {
    const { clock, random } = this.#parts;
    return clock.sleep(20 + random.below(80));
  }
}
