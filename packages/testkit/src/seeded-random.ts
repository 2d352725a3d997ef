/** Pseudo-random numbers (splitmix32); equal seeds give equal numbers. Not for secrets. */
import type { Random } from '@babuza/vfs';

/** A seeded source of random numbers, with the draws that simulations need. */
export class SeededRandom implements Random {
  #state: number;

  /** Any number may be a seed; only its low 32 bits are used. */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  uint32(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let mixed = this.#state ^ (this.#state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }

  /** An integer from 0 to `limit` − 1. */
  below(limit: number): number {
    return Math.floor((this.uint32() / 0x1_0000_0000) * limit);
  }

  /** True with this probability; 0 to 1. */
  chance(probability: number): boolean {
    return this.uint32() / 0x1_0000_0000 < probability;
  }

  /** One of the items. */
  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.below(items.length)] ?? items[0];
  }

  /** `bytes` random bytes. */
  bytes(bytes: number): Uint8Array {
    const result = new Uint8Array(bytes);
    for (let index = 0; index < bytes; index += 1) result[index] = this.uint32();
    return result;
  }

  /** A new source that is seeded from this one. */
  fork(): SeededRandom {
    return new SeededRandom(this.uint32());
  }
}

/** A seed that depends on all of `parts`, in order. */
export function mixSeeds(...parts: readonly number[]): number {
  let seed = 0;
  for (const part of parts) seed = new SeededRandom(seed ^ part).uint32();
  return seed;
}
