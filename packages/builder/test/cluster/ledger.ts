/**
 * Records the entries that each replica applies, so that the first difference is detected at once.
 */
import type { AppliedEntry } from '@babuza/raft';

interface Applied {
  readonly term: number;
  readonly timeMs: number;
  readonly text: string;
}

export class AppliedLedger {
  /** The entries by index, as the first replica applied them. */
  readonly #entries = new Map<number, Applied>();
  /** The index at which each proposal was applied; every proposal is unique. */
  readonly #indexes = new Map<string, number>();
  /** By index: the hash of the first replica that reached it, and the content of its snapshot. */
  readonly #digests = new Map<number, number>();
  readonly #snapshots = new Map<string, string>();
  highest = 0;

  /** Throws if replicas differ, if time goes backwards, or if a proposal is applied twice. */
  note({ index, term, data, timeMs }: AppliedEntry): void {
    const text = decode(data);
    const known = this.#entries.get(index);
    if (known === undefined) this.#add(index, { term, timeMs, text });
    else if (known.term !== term || known.timeMs !== timeMs || known.text !== text) {
      throw new Error(
        `replicas differ at index ${index}: applied ${lineOf(known)}; and now ${lineOf({ term, timeMs, text })}`,
      );
    }
  }

  /** Throws if the replica has reached this index with other entries than the others. */
  noteDigest(index: number, digest: number): void {
    const known = this.#digests.get(index) ?? digest;
    this.#digests.set(index, known);
    if (known !== digest) throw new Error(`replicas came to index ${index} on different ways`);
  }

  /** Describes how a snapshot differs from another one of the same index. */
  snapshotDiffers(place: string, text: string): string | undefined {
    const known = this.#snapshots.get(place) ?? text;
    this.#snapshots.set(place, known);
    if (known === text) return undefined;
    return `snapshots ${place} differ: ${known}; and now ${text}`;
  }

  /** Whether this proposal was applied as this entry. */
  holds(index: number, term: number, data: Uint8Array): boolean {
    const entry = this.#entries.get(index);
    return entry !== undefined && entry.term === term && entry.text === decode(data);
  }

  hasApplied(data: Uint8Array): boolean {
    return this.#indexes.has(decode(data));
  }

  #add(index: number, entry: Applied): void {
    const before = this.#entries.get(this.highest);
    if (index > this.highest && before !== undefined && entry.timeMs < before.timeMs) {
      throw new Error(`time goes back at index ${index}: ${lineOf(before)}; then ${lineOf(entry)}`);
    }
    const earlier = this.#indexes.get(entry.text);
    if (earlier !== undefined) {
      throw new Error(`applied twice, at ${earlier} and at ${index}: ${entry.text.slice(0, 100)}`);
    }
    this.#entries.set(index, entry);
    this.#indexes.set(entry.text, index);
    this.highest = Math.max(this.highest, index);
  }
}

const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

const lineOf = ({ term, timeMs, text }: Applied): string =>
  `term ${term}, at ${timeMs}: ${text.slice(0, 100)}`;
