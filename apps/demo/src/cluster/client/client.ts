/**
 * A client of the key-value cluster. It finds the leader, and keeps at a call until it is answered
 * or its deadline is over: through lost connections, killed nodes and changes of the leader. Writes
 * go out within a session, so that one that is sent again applies once. Any number of calls may be
 * under way.
 */
import { encodeKey, KeyValueCodecError, valueBytesMax } from '../key-value-codec.ts';
import { Administration } from './administration.ts';
import { Attempts } from './attempts.ts';
import type { Answer } from './answers.ts';
import { Connections, type HttpRequest } from './connections.ts';
import { KeyValueError } from './errors.ts';
import { isApiAddress, Nodes } from './nodes.ts';
import {
  checkedNumber,
  checkedOptions,
  checkedToken,
  type CallOptions,
  type CheckedOptions,
  type GetOptions,
  type KeyValueClientOptions,
} from './options.ts';
import { Waits } from './waits.ts';
import { Writes } from './writes.ts';

/** The place of a write in the log. */
export interface WriteResult {
  readonly index: number;
  readonly term: number;
}

export interface PutResult extends WriteResult {
  /** A value was there before. */
  readonly existed: boolean;
}

export interface CompareAndSetResult extends WriteResult {
  /** The expected value was there, and the new one has its place. */
  readonly swapped: boolean;
}

/**
 * All calls reject with `KeyValueError` and its codes: `KEY_VALUE_INVALID`, `KEY_VALUE_DEADLINE`,
 * `KEY_VALUE_REFUSED`, `KEY_VALUE_UNREADABLE`, `KEY_VALUE_CLOSED`; writes also with
 * `KEY_VALUE_SESSION_EXPIRED`, changes of the cluster with `KEY_VALUE_OUTCOME_UNKNOWN`. `outcome`
 * says whether a write may have taken effect. A signal rejects with its reason.
 */
export class KeyValueClient implements AsyncDisposable {
  /** Calls about the cluster itself. */
  readonly cluster: Administration;
  readonly #options: CheckedOptions;
  readonly #nodes: Nodes;
  readonly #waits = new Waits();
  readonly #connections: Connections;
  readonly #attempts: Attempts;
  readonly #writes: Writes;
  #closing: Promise<void> | undefined;

  /** Makes a client without sending anything. Throws `KEY_VALUE_INVALID`. */
  constructor(options: KeyValueClientOptions) {
    this.#options = checkedOptions(options);
    this.#nodes = new Nodes(options.nodes);
    this.#connections = new Connections(
      this.#options.connectionsMax,
      this.#waits,
      checkedToken(options.token),
    );
    this.#attempts = new Attempts(this.#connections, this.#nodes, this.#waits, this.#options);
    this.#writes = new Writes(this.#attempts, this.#waits, this.#options.writesMax);
    this.cluster = new Administration(this.#attempts, this.#options.deadlineMs);
  }

  /** The APIs that it knows of: those it was given, and those it has learned. */
  get nodes(): readonly string[] {
    return this.#nodes.known;
  }

  /** Finds the leader and opens the session now; otherwise the first write does. */
  async open(options: CallOptions = {}): Promise<void> {
    if (this.#closing !== undefined) throw closed();
    await this.#writes.prepare({ deadline: this.#deadline(options), signal: options.signal });
  }

  /** The value, or `undefined`. Linearizable, unless a stale one is asked for. */
  async get(key: string, options: GetOptions = {}): Promise<Uint8Array | undefined> {
    const { stale = false, at, signal } = options;
    if (at !== undefined && !isApiAddress(at)) throw invalid(`'${at}' is no address of an API`);
    const path = `${pathOf(key)}${stale ? '?stale=true' : ''}`;
    const answerCode = 'API_KEY_NOT_FOUND';
    const deadline = this.#deadline(options);
    const request = (): HttpRequest => ({ method: 'GET', path, headers: {}, body: [] });
    const call = { kind: 'read', request, deadline, signal, at, answerCode } as const;
    const { status, body } = await this.#attempts.run(call);
    return status === 200 ? body : undefined;
  }

  /** `value`, up to 1 MiB, must not change before this settles: it may be sent again. */
  async put(key: string, value: Uint8Array, options: CallOptions = {}): Promise<PutResult> {
    checkValue(value);
    return putResult(await this.#write('PUT', pathOf(key), {}, [value], options));
  }

  async delete(key: string, options: CallOptions = {}): Promise<PutResult> {
    return putResult(await this.#write('DELETE', pathOf(key), {}, [], options));
  }

  /**
   * Sets `value` if the key has the value `expected`; `undefined` expects that the key has no
   * value. As with `put`, both must not change meanwhile.
   */
  async compareAndSet(
    key: string,
    expected: Uint8Array | undefined,
    value: Uint8Array,
    options: CallOptions = {},
  ): Promise<CompareAndSetResult> {
    checkValue(value);
    if (expected !== undefined) checkValue(expected);
    const headers = { 'babuza-expected-bytes': expected?.length.toString() ?? 'absent' };
    const body = expected === undefined ? [value] : [expected, value];
    const path = `${pathOf(key)}/compare-and-set`;
    const answer = await this.#write('POST', path, headers, body, options);
    return { ...writeResult(answer), swapped: answer.boolean('swapped') };
  }

  /**
   * Ends what waits with `KEY_VALUE_CLOSED`, the session at the cluster, if that is done in half a
   * second, and all connections. A second call returns the same promise.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const error = new KeyValueError('KEY_VALUE_CLOSED', 'the client was closed', {
      outcome: 'unknown',
    });
    this.#waits.end(error);
    await this.#writes.end();
    this.#waits.close(error);
    this.#connections.close();
  }

  #write(
    method: HttpRequest['method'],
    path: string,
    headers: Readonly<Record<string, string>>,
    body: readonly Uint8Array[],
    options: CallOptions,
  ): Promise<Answer> {
    if (this.#closing !== undefined) throw closed();
    const timing = { deadline: this.#deadline(options), signal: options.signal };
    return this.#writes.send({ method, path, headers, body }, timing);
  }

  #deadline({ deadlineMs = this.#options.deadlineMs }: CallOptions): number {
    return performance.now() + checkedNumber('deadlineMs', deadlineMs);
  }
}

const writeResult = (answer: Answer): WriteResult => ({
  index: answer.number('index'),
  term: answer.number('term'),
});

const putResult = (answer: Answer): PutResult => ({
  ...writeResult(answer),
  existed: answer.boolean('existed'),
});

function pathOf(key: string): string {
  try {
    encodeKey(key);
  } catch (error) {
    throw error instanceof KeyValueCodecError ? invalid(error.message, error) : error;
  }
  return `/v1/keys/${encodeURIComponent(key)}`;
}

function checkValue(value: Uint8Array): void {
  if (value.length > valueBytesMax) {
    throw invalid(`a value of ${value.length} bytes; at most ${valueBytesMax} fit`);
  }
}

function invalid(message: string, cause?: unknown): KeyValueError {
  return new KeyValueError('KEY_VALUE_INVALID', message, { outcome: 'not-applied', cause });
}

function closed(): KeyValueError {
  return new KeyValueError('KEY_VALUE_CLOSED', 'the client was closed', { outcome: 'not-applied' });
}
