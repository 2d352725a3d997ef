/**
 * Clients that overwrite a bounded set of keys for as long as it takes. What a key must hold at the end is known for each:
 * the value that was acknowledged last, or one that was sent after it and never answered.
 */
import { KeyValueError, type KeyValueClient } from '../../cluster/client/index.ts';

const keysPerClient = 100;
const valueBytes = 1024;

interface Expected {
  acknowledged: number | undefined;
  /** Sent after that, without an answer. */
  unanswered: number[];
}

export class Overwriters {
  readonly #expected = new Map<string, Expected>();
  #stopping = false;
  #acknowledged = 0;
  #unanswered = 0;
  #running: Promise<unknown> = Promise.resolve();

  get acknowledged(): number {
    return this.#acknowledged;
  }

  get unanswered(): number {
    return this.#unanswered;
  }

  get keys(): string[] {
    return [...this.#expected.keys()];
  }

  start(clients: readonly KeyValueClient[]): void {
    this.#running = Promise.all(clients.map((client, number) => this.#work(client, number)));
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }

  /** What is wrong with what a node has, or nothing. */
  problemOf(key: string, found: Uint8Array | undefined): string | undefined {
    const { acknowledged, unanswered } = this.#expected.get(key) ?? { unanswered: [] };
    const allowed = [acknowledged, ...unanswered];
    const serial = found === undefined ? undefined : serialOf(key, found);
    if (allowed.includes(serial)) return undefined;
    return `${key} holds ${serial ?? 'nothing'}, ${acknowledged ?? 'nothing'} was acknowledged last`;
  }

  async #work(client: KeyValueClient, number: number): Promise<void> {
    for (let serial = 1; !this.#stopping; serial += 1) {
      const key = `chaos/${number}/${serial % keysPerClient}`;
      const expected = this.#expected.get(key) ?? { acknowledged: undefined, unanswered: [] };
      this.#expected.set(key, expected);
      try {
        await client.put(key, valueOf(key, serial));
        expected.acknowledged = serial;
        expected.unanswered = [];
        this.#acknowledged += 1;
      } catch (error) {
        // By Ctrl-C: nothing would be waited for any more, and nothing else would get its turn.
        if (error instanceof KeyValueError && error.code === 'KEY_VALUE_CLOSED') return;
        expected.unanswered.push(serial);
        this.#unanswered += 1;
      }
    }
  }
}

/** The key and the serial number, and the same again until the value is full. */
function valueOf(key: string, serial: number): Uint8Array {
  return Buffer.alloc(valueBytes, `${key}=${serial};`);
}

/** NaN for what nobody has written. */
function serialOf(key: string, value: Uint8Array): number {
  const text = Buffer.from(value).toString();
  const serial = Number(text.slice(key.length + 1, text.indexOf(';')));
  return Buffer.compare(valueOf(key, serial), value) === 0 ? serial : Number.NaN;
}
