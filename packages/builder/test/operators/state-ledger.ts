/**
 * The entries that the processes have applied, by the identity of their cluster. Two processes with
 * the same identity must never differ at the same index, and nothing may be applied twice.
 */
import type { ClusterInfo } from '@babuza/raft';
import type { HistoryEntry } from './history-machine.ts';

export type IdentityKey = string;

/** The first place where two states of one identity differ. */
export interface Difference {
  readonly identity: IdentityKey;
  readonly known: HistoryEntry;
  readonly found: HistoryEntry;
}

interface Checked {
  readonly identity: IdentityKey;
  readonly entries: readonly HistoryEntry[];
  readonly length: number;
}

/** `undefined` before the birth id is known. */
export function identityKey({ identity }: Pick<ClusterInfo, 'identity'>): IdentityKey | undefined {
  const { origin, birth } = identity;
  return birth === undefined ? undefined : `${origin ?? ''}/${birth}`;
}

export class StateLedger {
  readonly #histories = new Map<IdentityKey, HistoryEntry[]>();
  readonly #texts = new Map<IdentityKey, Set<string>>();
  readonly #checked = new WeakMap<object, Checked>();

  /** The last index that any process has applied. */
  highestIndex = 0;

  get identities(): number {
    return this.#histories.size;
  }

  /** Records the new entries of a process; returns the difference from another one, if any. */
  note(
    process: object,
    identity: IdentityKey,
    entries: readonly HistoryEntry[],
  ): Difference | undefined {
    const history = this.#of(this.#histories, identity, () => []);
    const texts = this.#of(this.#texts, identity, () => new Set<string>());
    const before = this.#checked.get(process);
    const isContinued = before?.identity === identity && before.entries === entries;
    for (let at = isContinued ? before.length : 0; at < entries.length; at += 1) {
      const found = entries[at];
      if (found === undefined) break;
      const known = history[at];
      if (known === undefined) {
        const twice = texts.has(found.text)
          ? history.find(({ text }) => text === found.text)
          : undefined;
        if (twice !== undefined) return { identity, known: twice, found };
        history.push(found);
        this.highestIndex = Math.max(this.highestIndex, found.index);
        texts.add(found.text);
      } else if (known.index !== found.index || known.text !== found.text) {
        return { identity, known, found };
      }
    }
    this.#checked.set(process, { identity, entries, length: entries.length });
    return undefined;
  }

  #of<T>(map: Map<IdentityKey, T>, key: IdentityKey, make: () => T): T {
    const found = map.get(key) ?? make();
    map.set(key, found);
    return found;
  }
}
