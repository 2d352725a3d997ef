/**
 * Clients that overwrite a bounded set of keys for as long as it takes. What a key must hold at the
 * end is known for each: the value that was acknowledged last, or one that was sent after it and
 * never answered. Each also makes and removes a key of its own in turn: one that is sent again and
 * applied twice finds what the first had done, and says so.
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
  /** Keys of which a write was applied twice. */
  readonly appliedTwice: string[] = [];
  readonly #expected = new Map<string, Expected>();
  #stopping = false;
  #acknowledged = 0;
  #unanswered = 0;
  #running: Promise<unknown> = Promise.resolve();
  readonly #onWrite: (elapsedMs: number) => void;

  /** `onWrite` is told of each acknowledged write how long it took. */
  constructor(onWrite: (elapsedMs: number) => void = () => undefined) {
    this.#onWrite = onWrite;
  }

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
    let isThere: boolean | undefined = false;
    for (let serial = 1; !this.#stopping; serial += 1) {
      const key = `chaos/${number}/${serial % keysPerClient}`;
      const expected = this.#expected.get(key) ?? { acknowledged: undefined, unanswered: [] };
      this.#expected.set(key, expected);
      try {
        isThere = await this.#toggle(client, `once/${number}`, isThere);
        const startMs = performance.now();
        await client.put(key, valueOf(key, serial));
        this.#onWrite(performance.now() - startMs);
        expected.acknowledged = serial;
        expected.unanswered = [];
        this.#acknowledged += 1;
      } catch (error) {
        // By Ctrl-C: nothing would be waited for any more, and nothing else would get its turn.
        if (error instanceof KeyValueError && error.code === 'KEY_VALUE_CLOSED') return;
        expected.unanswered.push(serial);
        isThere = undefined;
        this.#unanswered += 1;
      }
    }
  }

  /**
   * Makes the key, or removes it. Returns whether it is there now. `undefined`: nobody knows
   * whether it was.
   */
  async #toggle(client: KeyValueClient, key: string, wasThere?: boolean): Promise<boolean> {
    const isToBe = wasThere !== true;
    const { existed } = isToBe
      ? await client.put(key, new Uint8Array(1))
      : await client.delete(key);
    if (wasThere !== undefined && existed !== wasThere) this.appliedTwice.push(key);
    return isToBe;
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
