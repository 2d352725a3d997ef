/**
 * The demo's own record of what was acknowledged, kept outside the process that writes, and the
 * judge of what a log gives back: every acknowledged entry has to be there, with the SHA-256 that
 * it had.
 */
import type { Piece } from '../common/documents.ts';
import type { ListedEntry } from './protocol.ts';

/** The result of a comparison; `problems` are sentences. */
export interface Comparison {
  readonly listed: number;
  readonly acknowledged: number;
  readonly found: number;
  readonly problems: readonly string[];
}

type Recorded = Omit<ListedEntry, 'term'>;

export class Ledger {
  readonly #acknowledged = new Map<number, Recorded>();
  contentBytes = 0;

  get count(): number {
    return this.#acknowledged.size;
  }

  acknowledge({ index, path, chunk, chunks, bytes, sha256 }: Recorded): void {
    this.#acknowledged.set(index, { index, path, chunk, chunks, bytes, sha256 });
    this.contentBytes += bytes;
  }

  /**
   * Adds the entries that a recovery returned although they were not acknowledged. From then on
   * they must not be lost. Returns their number.
   */
  adopt(entries: readonly ListedEntry[]): number {
    const unknown = entries.filter(({ index }) => !this.#acknowledged.has(index));
    for (const entry of unknown) this.acknowledge(entry);
    return unknown.length;
  }

  /** For a log that says that it keeps nothing. */
  forgetAll(): void {
    this.#acknowledged.clear();
    this.contentBytes = 0;
  }

  /** Compares with all that a log holds from `firstIndex` on; below it, entries were purged. */
  compare(entries: readonly ListedEntry[], firstIndex: number): Comparison {
    const problems: string[] = [];
    const listed = new Map<number, ListedEntry>();
    for (const [at, entry] of entries.entries()) {
      if (entry.index !== firstIndex + at) {
        problems.push(`entry ${entry.index} stands where ${firstIndex + at} is due`);
      }
      listed.set(entry.index, entry);
    }
    let due = 0;
    let found = 0;
    for (const recorded of this.#acknowledged.values()) {
      if (recorded.index < firstIndex) continue;
      due += 1;
      const problem = difference(recorded, listed.get(recorded.index));
      if (problem === undefined) found += 1;
      else problems.push(problem);
    }
    return { listed: entries.length, acknowledged: due, found, problems };
  }
}

/** Compares what a log holds with the documents that it was made from. */
export function compareWithPieces(
  entries: readonly ListedEntry[],
  pieces: readonly Piece[],
  sha256Of: (piece: Piece) => string,
): string[] {
  const problems: string[] = [];
  const listed = new Map<string, ListedEntry>();
  for (const entry of entries) {
    const key = pieceKey(entry);
    if (listed.has(key)) problems.push(`${key} is in the log twice`);
    listed.set(key, entry);
  }
  for (const piece of pieces) {
    const key = pieceKey(piece);
    const entry = listed.get(key);
    listed.delete(key);
    if (entry === undefined) problems.push(`${key} is not in the log`);
    else if (entry.sha256 !== sha256Of(piece)) problems.push(`${key} differs from the file`);
  }
  for (const key of listed.keys()) problems.push(`${key} is in the log, but none of the documents`);
  return problems;
}

/** Which part of which document. */
export function pieceKey({
  path,
  chunk,
  chunks,
}: Pick<Piece, 'path' | 'chunk' | 'chunks'>): string {
  return chunks === 1 ? path : `${path} (part ${chunk + 1} of ${chunks})`;
}

function difference(recorded: Recorded, entry: ListedEntry | undefined): string | undefined {
  const { index } = recorded;
  if (entry === undefined) return `acknowledged entry ${index} is lost`;
  if (pieceKey(entry) !== pieceKey(recorded) || entry.sha256 !== recorded.sha256) {
    return `entry ${index} is not what was acknowledged: ${pieceKey(recorded)}`;
  }
  return undefined;
}
