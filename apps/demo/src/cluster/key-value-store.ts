/**
 * Keys and values in memory, of which a view can be fixed at any time for next to nothing.
 *
 * They lie in a fixed number of buckets by the hash of their key. A view takes references to all
 * buckets and starts a new generation; the first write to a bucket in a generation replaces it by a
 * copy of its own. So a view never changes, any number of them may be open at a time, none has to
 * be given back (the collector does that), and writers pay for the buckets that they touch, not for
 * the size of the store. Values are never changed in place: a copied bucket shares them.
 *
 * A persistent tree would copy less for each write and cost every read and write more of its time,
 * also while no view is open, which is nearly always.
 */
import { createHash } from 'node:crypto';

/**
 * The number of buckets, and so of references that a view copies. With a million keys a bucket
 * holds about 250.
 */
const bucketCount = 4096;
/** Between two turns of the event loop, while a digest is made. */
const digestBytesPerTurn: number = 1024 * 1024;

interface Bucket {
  readonly values: Map<string, Uint8Array>;
  readonly generation: number;
}

/** The contents at one moment; they never change. */
export interface StoreView {
  readonly count: number;
  readonly buckets: readonly ReadonlyMap<string, Uint8Array>[];
}

export class KeyValueStore {
  readonly #buckets: Bucket[] = Array.from({ length: bucketCount }, () => ({
    values: new Map<string, Uint8Array>(),
    generation: 0,
  }));
  #generation = 0;
  #count = 0;
  #bytes = 0;

  /** Keys. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of all values, without keys and overhead. */
  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): Uint8Array | undefined {
    return this.#buckets[bucketOf(key)]?.values.get(key);
  }

  /** Keeps `value` itself: it must not change any more. True when there was a value before. */
  set(key: string, value: Uint8Array): boolean {
    const bucket = this.#writable(bucketOf(key));
    const before = bucket.get(key);
    bucket.set(key, value);
    this.#bytes += value.length - (before?.length ?? 0);
    if (before === undefined) this.#count += 1;
    return before !== undefined;
  }

  /** True when there was a value. */
  delete(key: string): boolean {
    const before = this.get(key);
    if (before === undefined) return false;
    this.#writable(bucketOf(key)).delete(key);
    this.#bytes -= before.length;
    this.#count -= 1;
    return true;
  }

  view(): StoreView {
    this.#generation += 1;
    return { count: this.#count, buckets: this.#buckets.map(({ values }) => values) };
  }

  #writable(at: number): Map<string, Uint8Array> {
    const bucket = this.#buckets[at];
    if (bucket !== undefined && bucket.generation === this.#generation) return bucket.values;
    const values = new Map(bucket?.values);
    this.#buckets[at] = { values, generation: this.#generation };
    return values;
  }
}

/** FNV-1a over the UTF-16 units: the same on every node, which the order of `contentsOf` needs. */
function bucketOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  }
  return (hash ^ (hash >>> 15)) & (bucketCount - 1);
}

/**
 * All keys with their values in one order for equal contents, however they came about: by bucket,
 * then by key.
 */
export function* contentsOf(view: StoreView): Generator<readonly [string, Uint8Array], void, void> {
  for (const bucket of view.buckets) {
    for (const key of [...bucket.keys()].sort()) {
      const value = bucket.get(key);
      if (value !== undefined) yield [key, value];
    }
  }
}

/**
 * SHA-256 over the sorted contents, in hexadecimal. It is made in slices: other work goes on
 * meanwhile.
 */
export async function digestOf(view: StoreView): Promise<string> {
  const hash = createHash('sha256');
  const lengths = new DataView(new ArrayBuffer(8));
  let bytes = 0;
  for (const [key, value] of contentsOf(view)) {
    const keyBytes = Buffer.from(key, 'utf8');
    // With the lengths no two different contents have the same bytes.
    lengths.setUint32(0, keyBytes.length, true);
    lengths.setUint32(4, value.length, true);
    hash.update(new Uint8Array(lengths.buffer)).update(keyBytes).update(value);
    bytes += 64 + keyBytes.length + value.length;
    if (bytes < digestBytesPerTurn) continue;
    bytes = 0;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return hash.digest('hex');
}
