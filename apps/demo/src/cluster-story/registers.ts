/**
 * Clients that read, write and compare-and-set a few keys at once, all the time, and write down
 * what they called and were answered. Whether one copy could have answered so is judged at the end.
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
 * Of one client, until all go on to other keys: so no history becomes so long that it could not be
 * judged.
 */
const callsPerRound = 120;
const pauseMs = 15;
/** Of a read that asks one node, which may be down. */
const readDeadlineMs = 500;
/** Of the judge, for each key. */
const stepsMax = 20_000_000;

export class Registers {
  readonly operations: KeyValueOperation[] = [];
  readonly #stopping = new AbortController();
  #moments = 0;
  #running: Promise<void> = Promise.resolve();

  /** Reads also ask a node of `places`, any of them: each has to give what is current. */
  start(clients: readonly KeyValueClient[], places: () => readonly string[]): void {
    const working = clients.map((client, number) => this.#work(client, number, places));
    this.#running = Promise.all(working).then(() => undefined);
    // It is awaited by `stop`.
    this.#running.catch(() => undefined);
  }

  /** Ends them; what is under way is answered, or stays of unknown outcome. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** Writes that may have taken effect or not. A read without an answer says nothing. */
  get unknown(): number {
    return this.operations.filter(
      ({ input, returned }) => returned === undefined && input.kind !== 'get',
    ).length;
  }

  judge(): ReturnType<typeof checkKeyValueHistory> {
    return checkKeyValueHistory(this.operations, stepsMax);
  }

  async #work(
    client: KeyValueClient,
    number: number,
    places: () => readonly string[],
  ): Promise<void> {
    let serial = 0;
    const seen = new Map<string, string | undefined>();
    while (!this.#stopping.signal.aborted) {
      const round = Math.floor(serial / callsPerRound);
      const key = `${keys[serial % keys.length]}-${round}`;
      const value = `${number}-${(serial += 1)}`;
      const input = inputOf(key, value, seen.get(key));
      const output = await this.#call(client, number, input, oneOf(places()));
      if (input.kind === 'get' && typeof output !== 'boolean') seen.set(key, output);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  async #call(
    client: KeyValueClient,
    number: number,
    input: KeyValueInput,
    place: string | undefined,
  ): Promise<KeyValueOutput> {
    const at = this.operations.length;
    const calledAt = (this.#moments += 1);
    this.operations.push({ client: number, input, calledAt });
    try {
      const output = await answerOf(client, input, place);
      const returned = { at: (this.#moments += 1), output };
      this.operations[at] = { client: number, input, calledAt, returned };
      return output;
    } catch {
      // Of unknown outcome: it may still take effect. A client that goes on is another one to the
      // judge.
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

/** Half of the time nothing: the client asks whom it takes for the leader. */
const oneOf = (places: readonly string[]): string | undefined =>
  places[Math.floor(Math.random() * places.length * 2)];

async function answerOf(
  client: KeyValueClient,
  input: KeyValueInput,
  place: string | undefined,
): Promise<KeyValueOutput> {
  const key = `registers/${input.key}`;
  if (input.kind === 'get') {
    const where = place === undefined ? {} : { at: place, deadlineMs: readDeadlineMs };
    const value = await client.get(key, where);
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
