/**
 * What clients were told is written: kept here, outside of all nodes, and compared with each of
 * them at the end.
 */
import { sha256Of } from '../common/documents.ts';

export class Acknowledged {
  /** By key: the SHA-256 of the value that was acknowledged last. */
  readonly #hashes = new Map<string, string>();
  #bytes = 0;
  #writes = 0;

  /** Keys are written once each. */
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

  /** What is wrong with what a node has, or nothing. */
  problemOf(key: string, found: Uint8Array | undefined): string | undefined {
    if (found === undefined) return `${key} was acknowledged and is missing`;
    return sha256Of(found) === this.#hashes.get(key)
      ? undefined
      : `${key} is there, and is not what was acknowledged`;
  }
}
