/**
 * The acknowledged writes of all clients. They are recorded outside of the nodes, and compared with
 * each node at the end.
 */
import { sha256Of } from '../common/documents.ts';

export class Acknowledged {
  /** The SHA-256 of the acknowledged value, by key. */
  readonly #hashes = new Map<string, string>();
  #bytes = 0;
  #writes = 0;

  /** Records an acknowledged write. Each key is written only once. */
  add(key: string, value: Uint8Array): void {
    this.#hashes.set(key, sha256Of(value));
    this.#bytes += value.length;
    this.#writes += 1;
  }

  get writes(): number {
    return this.#writes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get keys(): string[] {
    return [...this.#hashes.keys()];
  }

  /** Describes how the value that a node returned is wrong; `undefined` when it is right. */
  problemOf(key: string, found: Uint8Array | undefined): string | undefined {
    if (found === undefined) return `${key} was acknowledged, but is missing`;
    return sha256Of(found) === this.#hashes.get(key)
      ? undefined
      : `${key} has another value than the acknowledged one`;
  }
}
