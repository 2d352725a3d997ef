/**
 * Files and directories of the simulated disk. Each holds the state that the process sees, the
 * durable state, and the changes between them in order. A sync makes changes durable; a crash keeps
 * some of them.
 */
import { PagedImage } from './paged-image.ts';

/** The smallest unit that a disk writes atomically, in bytes. */
export const SECTOR_BYTES = 512;

/** A change of a file that is not durable. */
export type FileChange =
  | {
      readonly kind: 'write';
      readonly sequence: number;
      readonly position: number;
      readonly data: Uint8Array;
      /** The size that this write gave the file, if the file grew. */
      readonly growsTo: number | undefined;
    }
  | { readonly kind: 'truncate'; readonly sequence: number; readonly bytes: number };

/** A change of a directory that is not durable. */
export type DirectoryChange =
  | {
      readonly kind: 'link';
      readonly sequence: number;
      readonly name: string;
      readonly node: SimulatedNode;
    }
  | { readonly kind: 'unlink'; readonly sequence: number; readonly name: string }
  | {
      readonly kind: 'rename';
      readonly sequence: number;
      readonly name: string;
      readonly to: string;
    };

export type SimulatedNode = FileNode | DirectoryNode;

/** A file: visible bytes, durable bytes, pending changes. */
export class FileNode {
  readonly kind = 'file';
  current: PagedImage;
  durable: PagedImage;
  pending: FileChange[] = [];
  /** Sectors whose reads fail with EIO until the sector is written whole. */
  unreadable: Set<number> = new Set();
  /** The sequence number of the last change that was applied. */
  sequence = 0;
  /**
   * Whether `current` equals `durable` plus `pending`. This does not hold after a failed sync: the
   * lost bytes are still visible, and no later sync writes them to the disk.
   */
  #cacheAgrees = true;

  /** A file whose bytes are durable; empty by default. */
  constructor(durable: PagedImage = new PagedImage()) {
    this.current = durable.clone();
    this.durable = durable;
  }

  /** A copy with the same pending changes, for a disk that outlives its process. */
  clone(): FileNode {
    const copy = new FileNode(this.durable.clone());
    copy.current = this.current.clone();
    copy.#cacheAgrees = this.#cacheAgrees;
    copy.pending = this.pending.slice();
    copy.unreadable = new Set(this.unreadable);
    copy.sequence = this.sequence;
    return copy;
  }

  /**
   * Adds a write that the process may not see, because the world stopped while it was in flight.
   */
  addPendingWrite(data: Uint8Array, position: number): void {
    if (data.length === 0) return;
    this.sequence += 1;
    const end = position + data.length;
    const growsTo = end > this.current.size ? end : undefined;
    this.pending.push({ kind: 'write', sequence: this.sequence, position, data, growsTo });
  }

  /** Adds a truncation that the process may not see. */
  addPendingTruncation(bytes: number): void {
    this.sequence += 1;
    this.pending.push({ kind: 'truncate', sequence: this.sequence, bytes });
  }

  /** Writes. The file takes ownership of `data`. */
  write(data: Uint8Array, position: number): void {
    this.addPendingWrite(data, position);
    this.current.write(data, position);
    this.#healSectors(position, data.length);
  }

  truncate(bytes: number): void {
    this.addPendingTruncation(bytes);
    this.current.truncate(bytes);
  }

  /** Writes these bytes and makes only them, and the size they need, durable. */
  writeDurable(data: Uint8Array, position: number): void {
    this.current.write(data, position);
    this.#healSectors(position, data.length);
    this.#settleTruncations();
    this.pending = this.pending.flatMap((change) => withoutRange(change, position, data.length));
    this.durable.write(data, position);
  }

  /** Makes all changes up to a sequence number durable. */
  sync(upTo: number): void {
    const last = this.pending.at(-1);
    if (last === undefined) return;
    if (last.sequence <= upTo && this.#cacheAgrees) {
      this.durable = this.current.clone();
      this.pending = [];
      return;
    }
    const rest: FileChange[] = [];
    for (const change of this.pending) {
      if (change.sequence <= upTo) applyChange(this.durable, change);
      else rest.push(change);
    }
    this.pending = rest;
  }

  /**
   * Forgets pending changes although reads still show them, as a kernel does after a failed sync.
   * Pieces for which `survives` returns true reach the disk before.
   */
  dropPending(upTo: number, survives: () => boolean): void {
    const rest: FileChange[] = [];
    for (const change of this.pending) {
      if (change.sequence > upTo) rest.push(change);
      else if (change.kind === 'truncate') {
        if (survives()) applyChange(this.durable, change);
      } else {
        for (const piece of piecesOf(change, SECTOR_BYTES)) {
          if (survives()) this.durable.write(piece.data, piece.position);
        }
      }
    }
    this.pending = rest;
    this.#cacheAgrees = false;
  }

  /** A size change in the journal of the file system makes all earlier ones durable. */
  #settleTruncations(): void {
    for (;;) {
      const index = this.pending.findIndex((change) => change.kind === 'truncate');
      const change = this.pending[index];
      if (change?.kind !== 'truncate') return;
      const earlier = this.pending.slice(0, index);
      const kept = earlier.flatMap((write) => withoutRange(write, change.bytes, Infinity));
      this.durable.truncate(change.bytes);
      this.pending = [...kept, ...this.pending.slice(index + 1)];
    }
  }

  #healSectors(position: number, bytes: number): void {
    if (this.unreadable.size === 0) return;
    const end = position + bytes;
    for (const sector of this.unreadable) {
      const start = sector * SECTOR_BYTES;
      if (start >= position && start + SECTOR_BYTES <= end) this.unreadable.delete(sector);
    }
  }
}

/** A directory: visible names, durable names, pending changes. */
export class DirectoryNode {
  readonly kind = 'directory';
  current: Map<string, SimulatedNode> = new Map();
  durable: Map<string, SimulatedNode> = new Map();
  pending: DirectoryChange[] = [];
  /** The sequence number of the last change that was applied. */
  sequence = 0;

  link(name: string, node: SimulatedNode): void {
    this.make({ kind: 'link', sequence: 0, name, node });
  }

  unlink(name: string): void {
    this.make({ kind: 'unlink', sequence: 0, name });
  }

  rename(name: string, to: string): void {
    this.make({ kind: 'rename', sequence: 0, name, to });
  }

  /** Makes a change and gives it a sequence number. */
  make(change: DirectoryChange): void {
    this.addPending(change);
    applyName(this.current, change);
  }

  /** Adds a change that the process may not see: the world stopped while it was in flight. */
  addPending(change: DirectoryChange): void {
    this.sequence += 1;
    this.pending.push({ ...change, sequence: this.sequence });
  }

  /** Makes all changes up to a sequence number durable. */
  sync(upTo: number): void {
    const rest: DirectoryChange[] = [];
    for (const change of this.pending) {
      if (change.sequence <= upTo) applyName(this.durable, change);
      else rest.push(change);
    }
    this.pending = rest;
  }

  /** Makes the present state of one name durable at once. */
  settle(name: string): void {
    this.pending = this.pending.filter((change) => !namesOf(change).includes(name));
    const node = this.current.get(name);
    if (node === undefined) this.durable.delete(name);
    else this.durable.set(name, node);
  }

  /**
   * Forgets changes up to a sequence number although they are still visible, as after a failed
   * sync. A change survives only if all earlier changes of its names do, as after a power cut.
   */
  dropPending(upTo: number, survives: () => boolean): void {
    const rest: DirectoryChange[] = [];
    const lost = new Set<string>();
    for (const change of this.pending) {
      const names = namesOf(change);
      if (change.sequence > upTo) rest.push(change);
      else if (survives() && !names.some((name) => lost.has(name))) applyName(this.durable, change);
      else for (const name of names) lost.add(name);
    }
    this.pending = rest;
  }
}

/** Applies a change of names. A rename whose source is missing does nothing. */
export function applyName(names: Map<string, SimulatedNode>, change: DirectoryChange): void {
  if (change.kind === 'link') names.set(change.name, change.node);
  else if (change.kind === 'unlink') names.delete(change.name);
  else {
    const node = names.get(change.name);
    if (node === undefined) return;
    names.delete(change.name);
    names.set(change.to, node);
  }
}

/** The names that a change touches. Changes that share no name are independent. */
export function namesOf(change: DirectoryChange): readonly string[] {
  return change.kind === 'rename' ? [change.name, change.to] : [change.name];
}

/** A part of a write that survives a crash, or does not, independently of the others. */
export interface Piece {
  readonly position: number;
  readonly data: Uint8Array;
}

/** Splits a write at the multiples of `pieceBytes`. */
export function piecesOf(write: Piece, pieceBytes: number): Piece[] {
  const pieces: Piece[] = [];
  for (let done = 0; done < write.data.length;) {
    const position = write.position + done;
    const bytes = pieceBytes - (position % pieceBytes);
    pieces.push({ position, data: write.data.subarray(done, done + bytes) });
    done += bytes;
  }
  return pieces;
}

function applyChange(image: PagedImage, change: FileChange): void {
  if (change.kind === 'truncate') image.truncate(change.bytes);
  else image.write(change.data, change.position);
}

/** The rest of a change after a range of its bytes was overwritten. */
function withoutRange(change: FileChange, position: number, bytes: number): FileChange[] {
  if (change.kind === 'truncate') return [change];
  const start = change.position;
  const end = start + change.data.length;
  const rangeEnd = position + bytes;
  if (end <= position || start >= rangeEnd) return [change];
  const kept: FileChange[] = [];
  if (start < position) {
    const data = change.data.subarray(0, position - start);
    const growsTo = change.growsTo === undefined ? undefined : position;
    kept.push({ ...change, data, growsTo });
  }
  if (end > rangeEnd) {
    kept.push({ ...change, position: rangeEnd, data: change.data.subarray(rangeEnd - start) });
  }
  return kept;
}
