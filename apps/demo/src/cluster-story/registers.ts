/**
 * Clients that read, write and compare-and-set the same few keys concurrently, and record each call
 * with its answer. At the end the recorded history is checked for linearizability.
 */
import {
  checkKeyValueHistory,
  type KeyValueInput,
  type KeyValueOperation,
  type KeyValueOutput,
} from '@babuza/testkit/history';
import type { KeyValueClient } from '../cluster/client/index.ts';

const keys = ['red', 'green', 'blue'];
/**
 * After this many calls a client goes on to new keys. This bounds the history of each key, so that
 * the checker can finish.
 */
const callsPerRound = 120;
const pauseMs = 15;
/** The deadline of a read that is sent to one node, which may be down. */
const readDeadlineMs = 500;
/** The checker gives up on a key after this many steps. */
const stepsMax = 20_000_000;

export class Registers {
  readonly operations: KeyValueOperation[] = [];
  readonly #stopping = new AbortController();
  #moments = 0;
  #running: Promise<void> = Promise.resolve();

  /**
   * Starts the clients. `apiUrls` returns the APIs of the running nodes: half of the reads are sent
   * to one of them, because a linearizable read must return the current value at every node.
   */
  start(clients: readonly KeyValueClient[], apiUrls: () => readonly string[]): void {
    const working = clients.map((client, number) => this.#work(client, number, apiUrls));
    this.#running = Promise.all(working).then(() => undefined);
    // It is awaited by `stop`.
    this.#running.catch(() => undefined);
  }

  /**
   * Ends the clients after their current calls. A call that gets no answer keeps an unknown
   * outcome.
   */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /**
   * The number of writes whose outcome is unknown. A read without an answer has no effect, so it
   * does not count.
   */
  get unknown(): number {
    return this.operations.filter(
      ({ input, returned }) => returned === undefined && input.kind !== 'get',
    ).length;
  }

  check(): ReturnType<typeof checkKeyValueHistory> {
    return checkKeyValueHistory(this.operations, stepsMax);
  }

  async #work(
    client: KeyValueClient,
    number: number,
    apiUrls: () => readonly string[],
  ): Promise<void> {
    let serial = 0;
    const seen = new Map<string, string | undefined>();
    while (!this.#stopping.signal.aborted) {
      const round = Math.floor(serial / callsPerRound);
      const key = `${keys[serial % keys.length]}-${round}`;
      const value = `${number}-${(serial += 1)}`;
      const input = inputOf(key, value, seen.get(key));
      const output = await this.#call(client, number, input, oneOf(apiUrls()));
      if (input.kind === 'get' && typeof output !== 'boolean') seen.set(key, output);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  async #call(
    client: KeyValueClient,
    number: number,
    input: KeyValueInput,
    apiUrl: string | undefined,
  ): Promise<KeyValueOutput> {
    const at = this.operations.length;
    const calledAt = (this.#moments += 1);
    this.operations.push({ client: number, input, calledAt });
    try {
      const output = await answerOf(client, input, apiUrl);
      const returned = { at: (this.#moments += 1), output };
      this.operations[at] = { client: number, input, calledAt, returned };
      return output;
    } catch {
      // The outcome is unknown: the write may still take effect. The checker treats an operation
      // that has not returned as concurrent with everything later.
      return undefined;
    }
  }
}

function inputOf(key: string, value: string, expected: string | undefined): KeyValueInput {
  const chance = Math.random();
  if (chance < 0.5) return { kind: 'get', key };
  if (chance < 0.75) return { kind: 'put', key, value };
  return { kind: 'compare-and-set', key, expected, value };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/**
 * Returns `undefined` half of the time: then the client asks the node that it takes for the leader.
 */
const oneOf = (apiUrls: readonly string[]): string | undefined =>
  apiUrls[Math.floor(Math.random() * apiUrls.length * 2)];

async function answerOf(
  client: KeyValueClient,
  input: KeyValueInput,
  apiUrl: string | undefined,
): Promise<KeyValueOutput> {
  const key = `registers/${input.key}`;
  if (input.kind === 'get') {
    const options = apiUrl === undefined ? {} : { at: apiUrl, deadlineMs: readDeadlineMs };
    const value = await client.get(key, options);
    return value === undefined ? undefined : new TextDecoder().decode(value);
  }
  if (input.kind === 'put') {
    await client.put(key, bytes(input.value));
    return undefined;
  }
  const expected = input.expected === undefined ? undefined : bytes(input.expected);
  const { swapped } = await client.compareAndSet(key, expected, bytes(input.value));
  return swapped;
}
