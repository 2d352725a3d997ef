/**
 * Files and directories of the simulated disk. Each has what the process sees now, what is durable,
 * and the changes in between, in order. A sync moves changes to the durable side; a crash takes
 * some.
 */
import { PagedImage } from './paged-image.ts';

/** Smallest unit that a disk writes whole, in bytes. */
export const SECTOR_BYTES = 512;

/** A change of a file that is not durable. */
export type FileChange =
  | {
      readonly kind: 'write';
      readonly sequence: number;
      readonly position: number;
      readonly data: Uint8Array;
      /** The size that this write gave the file, if it grew. */
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

/** A file: bytes seen, bytes durable, changes pending. */
export class FileNode {
  readonly kind = 'file';
  current: PagedImage;
  durable: PagedImage;
  pending: FileChange[] = [];
  /** Sectors that answer EIO until they are written whole. */
  unreadable: Set<number> = new Set();
  /** Sequence of the last change that was applied. */
  sequence = 0;
  /**
   * Whether `current` is `durable` and all of `pending`. Not so after a failed sync: the lost bytes
   * are still seen, and no later sync brings them to the disk.
   */
  #cacheAgrees = true;

  /** A file with these bytes, durable; an empty one by default. */
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

  /** Adds a write that the process may not see: the world stopped while it was in flight. */
  leaveWrite(data: Uint8Array, position: number): void {
    if (data.length === 0) return;
    this.sequence += 1;
    const end = position + data.length;
    const growsTo = end > this.current.size ? end : undefined;
    this.pending.push({ kind: 'write', sequence: this.sequence, position, data, growsTo });
  }

  /** The same for a truncation. */
  leaveTruncation(bytes: number): void {
    this.sequence += 1;
    this.pending.push({ kind: 'truncate', sequence: this.sequence, bytes });
  }

  /** Writes; `data` now belongs to this file. */
  write(data: Uint8Array, position: number): void {
    this.leaveWrite(data, position);
    this.current.write(data, position);
    this.#healSectors(position, data.length);
  }

  truncate(bytes: number): void {
    this.leaveTruncation(bytes);
    this.current.truncate(bytes);
  }

  /** Writes and makes these bytes, and the size they need, durable; nothing else. */
  writeDurable(data: Uint8Array, position: number): void {
    this.current.write(data, position);
    this.#healSectors(position, data.length);
    this.#settleTruncations();
    this.pending = this.pending.flatMap((change) => withoutRange(change, position, data.length));
    this.durable.write(data, position);
  }

  /** Makes all changes up to a sequence durable. */
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
   * What a kernel does after a failed sync: forgets the changes, although reads still show them.
   * Pieces that `survives` says yes to reach the disk before.
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

  /** A size change in the journal takes all earlier ones with it. */
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

/** A directory: names seen, names durable, changes pending. */
export class DirectoryNode {
  readonly kind = 'directory';
  current: Map<string, SimulatedNode> = new Map();
  durable: Map<string, SimulatedNode> = new Map();
  pending: DirectoryChange[] = [];
  /** Sequence of the last change that was applied. */
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

  /** Makes a change; its sequence is given here. */
  make(change: DirectoryChange): void {
    this.leave(change);
    applyName(this.current, change);
  }

  /** Adds a change that the process may not see: the world stopped while it was in flight. */
  leave(change: DirectoryChange): void {
    this.sequence += 1;
    this.pending.push({ ...change, sequence: this.sequence });
  }

  /** Makes all changes up to a sequence durable. */
  sync(upTo: number): void {
    const rest: DirectoryChange[] = [];
    for (const change of this.pending) {
      if (change.sequence <= upTo) applyName(this.durable, change);
      else rest.push(change);
    }
    this.pending = rest;
  }

  /** Makes one name durable at once, whatever it holds now. */
  settle(name: string): void {
    this.pending = this.pending.filter((change) => !namesOf(change).includes(name));
    const node = this.current.get(name);
    if (node === undefined) this.durable.delete(name);
    else this.durable.set(name, node);
  }

  /**
   * Forgets the changes up to a sequence although they are still seen: a failed sync. A change
   * survives only where all before it that touch one of its names do, as after a power cut.
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

/** Applies a change of names; one that has lost its ground does nothing. */
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

/** The names that a change touches; changes that share none are independent. */
export function namesOf(change: DirectoryChange): readonly string[] {
  return change.kind === 'rename' ? [change.name, change.to] : [change.name];
}

/** A part of a write that survives a crash, or does not, on its own. */
export interface Piece {
  readonly position: number;
  readonly data: Uint8Array;
}

/** Cuts a write at the multiples of `pieceBytes`. */
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

/** What is left of a change when a range of its bytes does not count any more. */
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
