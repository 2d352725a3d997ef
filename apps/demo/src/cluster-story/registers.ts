/**
 * Clients that read, write and compare-and-set a few keys at once, all the time, and write down what they called and were
 * answered. Whether one copy could have answered so is judged at the end.
 */
import {
  checkKeyValueHistory,
  type KeyValueInput,
  type KeyValueOperation,
  type KeyValueOutput,
} from '@babuza/testkit/history';
import type { KeyValueClient } from '../cluster/client/index.ts';

const keys = ['red', 'green', 'blue'];
/** Of one client, until all go on to other keys: so no history becomes so long that it could not be judged. */
const callsPerRound = 120;
const pauseMs = 15;
/** Of the judge, for each key. */
const stepsMax = 20_000_000;

export class Registers {
  readonly operations: KeyValueOperation[] = [];
  readonly #stopping = new AbortController();
  #moments = 0;
  #running: Promise<void> = Promise.resolve();

  start(clients: readonly KeyValueClient[]): void {
    this.#running = Promise.all(clients.map((client, number) => this.#work(client, number))).then(
      () => undefined,
    );
    // It is awaited by `stop`.
    this.#running.catch(() => undefined);
  }

  /** Ends them; what is under way is answered, or stays of unknown outcome. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  get unknown(): number {
    return this.operations.filter(({ returned }) => returned === undefined).length;
  }

  judge(): ReturnType<typeof checkKeyValueHistory> {
    return checkKeyValueHistory(this.operations, stepsMax);
  }

  async #work(client: KeyValueClient, number: number): Promise<void> {
    let serial = 0;
    const seen = new Map<string, string | undefined>();
    while (!this.#stopping.signal.aborted) {
      const round = Math.floor(serial / callsPerRound);
      const key = `${keys[serial % keys.length]}-${round}`;
      const value = `${number}-${(serial += 1)}`;
      const input = inputOf(key, value, seen.get(key));
      const output = await this.#call(client, number, input);
      if (input.kind === 'get' && typeof output !== 'boolean') seen.set(key, output);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  async #call(
    client: KeyValueClient,
    number: number,
    input: KeyValueInput,
  ): Promise<KeyValueOutput> {
    const at = this.operations.length;
    const calledAt = (this.#moments += 1);
    this.operations.push({ client: number, input, calledAt });
    try {
      const output = await answerOf(client, input);
      const returned = { at: (this.#moments += 1), output };
      this.operations[at] = { client: number, input, calledAt, returned };
      return output;
    } catch {
      // Of unknown outcome: it may still take effect. A client that goes on is another one to the judge.
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

async function answerOf(client: KeyValueClient, input: KeyValueInput): Promise<KeyValueOutput> {
  const key = `registers/${input.key}`;
  if (input.kind === 'get') {
    const value = await client.get(key);
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
