/**
 * Clients that overwrite a bounded set of keys until they are stopped. At the end each key must
 * hold the value that was acknowledged last, or one that was sent later and never answered. Each
 * client also puts and deletes one more key in turn: a write that was applied twice finds the
 * result of its first application and reports it.
 */
import { KeyValueError, type KeyValueClient } from '../../cluster/client/index.ts';

const keysPerClient = 100;
const valueBytes = 1024;

interface Expected {
  acknowledged: number | undefined;
  /** Values that were sent after the acknowledged one and got no answer. */
  unanswered: number[];
}

export class Overwriters {
  /** Keys with a write that was applied twice. */
  readonly appliedTwice: string[] = [];
  readonly #expected = new Map<string, Expected>();
  #stopping = false;
  #acknowledged = 0;
  #unanswered = 0;
  #running: Promise<unknown> = Promise.resolve();
  readonly #onWrite: (elapsedMs: number) => void;

  /** `onWrite` is called with the latency of each acknowledged write. */
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

  /** Describes how the value that a node returned is wrong; `undefined` when it is right. */
  problemOf(key: string, found: Uint8Array | undefined): string | undefined {
    const { acknowledged, unanswered } = this.#expected.get(key) ?? { unanswered: [] };
    const allowed = [acknowledged, ...unanswered];
    const serial = found === undefined ? undefined : serialOf(key, found);
    if (allowed.includes(serial)) return undefined;
    return `${key} holds ${serial ?? 'nothing'}, but the last acknowledged value is ${acknowledged ?? 'nothing'}`;
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
        // Ctrl-C closed the client. A closed client fails at once, so the loop would never yield.
        if (error instanceof KeyValueError && error.code === 'KEY_VALUE_CLOSED') return;
        expected.unanswered.push(serial);
        isThere = undefined;
        this.#unanswered += 1;
      }
    }
  }

  /**
   * Puts the key, or deletes it if it is there. Returns whether it is there now. `wasThere` is
   * `undefined` when the previous write has an unknown outcome.
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

/** A value: the key and the serial number, repeated until the value is full. */
function valueOf(key: string, serial: number): Uint8Array {
  return Buffer.alloc(valueBytes, `${key}=${serial};`);
}

/** Returns the serial number of a value, or NaN when no client wrote the value. */
function serialOf(key: string, value: Uint8Array): number {
  const text = Buffer.from(value).toString();
  const serial = Number(text.slice(key.length + 1, text.indexOf(';')));
  return Buffer.compare(valueOf(key, serial), value) === 0 ? serial : Number.NaN;
}
