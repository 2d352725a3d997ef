/**
 * Which node is asked: the leader, as far as it is known. A node that does not lead says who does;
 * where none does, the nodes are tried one by one. Many calls share this: only the first that is
 * disappointed by a node moves all of them on.
 */
import { KeyValueError } from './errors.ts';

/** Nodes come and go; hints of them must not pile up. */
const learnedMax = 64;

export class Nodes {
  readonly #given: readonly string[];
  /** As given, and as hints have named them; the newest last. */
  #known: string[];
  #current: string;

  /** Throws `KEY_VALUE_INVALID` for what is no address of an API. */
  constructor(addresses: readonly string[]) {
    const [first] = addresses;
    for (const address of addresses) {
      if (!isApiAddress(address)) invalid(`'${address}' is no address as http://host:port`);
    }
    if (first === undefined) invalid('the address of one node at least is needed');
    this.#given = [...new Set(addresses)];
    this.#known = [...this.#given];
    this.#current = first;
  }

  get current(): string {
    return this.#current;
  }

  get known(): readonly string[] {
    return this.#known;
  }

  /** `from` does not lead. True when there is another one to ask at once. */
  redirected(from: string, hint: string | undefined): boolean {
    if (hint === undefined || hint === from || !isApiAddress(hint)) {
      this.failed(from);
      return false;
    }
    if (!this.#known.includes(hint)) {
      const learned = this.#known.filter((node) => !this.#given.includes(node));
      this.#known = [...this.#given, ...learned.slice(1 - learnedMax), hint];
    }
    if (this.#current === from) this.#current = hint;
    return this.#current !== from;
  }

  /** `from` did not answer, or cannot. */
  failed(from: string): void {
    if (this.#current !== from) return;
    const next = (this.#known.indexOf(from) + 1) % this.#known.length;
    this.#current = this.#known[next] ?? from;
  }
}

export function isApiAddress(text: string): boolean {
  return /^http:\/\/[^/?#@\s]+:\d{1,5}$/.test(text) && URL.canParse(text);
}

function invalid(message: string): never {
  throw new KeyValueError('KEY_VALUE_INVALID', message, { outcome: 'not-applied' });
}
