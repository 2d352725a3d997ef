/**
 * Chooses the node to ask: the known leader, or the nodes in turn while no leader is known. Many
 * calls share this choice, so only the first failure at a node moves it on.
 */
import { KeyValueError } from './errors.ts';

/** The most addresses that are kept from hints. */
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
