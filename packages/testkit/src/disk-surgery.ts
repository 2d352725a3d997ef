/**
 * Damage to stored files between two runs: flipped bits, lost sectors, and files that a person
 * moved or changed. Changes are visible and durable at once. They are no calls: they are not
 * counted, and faults do not apply to them.
 */
import type { DiskTree } from './disk-tree.ts';
import { baseName, parentOf } from './disk-tree.ts';
import { PagedImage } from './paged-image.ts';
import { FileNode, SECTOR_BYTES } from './simulated-node.ts';

/** Reads and changes stored files without calls of the disk. */
export class DiskSurgery {
  readonly #tree: DiskTree;

  constructor(tree: DiskTree) {
    this.#tree = tree;
  }

  /** A copy of all bytes of a file. */
  contents(path: string): Uint8Array {
    return this.#file(path).current.toBytes();
  }

  /** The paths of all files, sorted. */
  files(): string[] {
    const paths: string[] = [];
    const visit = (directory: string): void => {
      for (const [name, node] of this.#tree.directory(directory, 'list', directory).current) {
        const path = directory === '/' ? `/${name}` : `${directory}/${name}`;
        if (node.kind === 'file') paths.push(path);
        else visit(path);
      }
    };
    visit('/');
    return paths.sort();
  }

  /** Sets the bytes of a file and creates it if it is missing. Its directory must exist. */
  put(path: string, bytes: Uint8Array): void {
    this.#set(path, new FileNode(PagedImage.of(bytes)));
  }

  /** Creates a directory and its missing ancestors. */
  makeDirectory(path: string): void {
    this.#tree.makeDirectory(path);
  }

  /** Flips one bit. Bit 0 is the lowest bit of the first byte. */
  flipBit(path: string, bit: number): void {
    const byte = new Uint8Array(1);
    const position = Math.floor(bit / 8);
    this.#file(path).current.read(byte, position);
    this.overwrite(path, position, new Uint8Array([(byte[0] ?? 0) ^ (1 << (bit % 8))]));
  }

  /** Overwrites bytes in place. */
  overwrite(path: string, position: number, bytes: Uint8Array): void {
    const file = this.#file(path);
    file.current.write(bytes, position);
    file.durable.write(bytes, position);
  }

  /** Fills a range with zeros. */
  zero(path: string, position: number, bytes: number): void {
    this.overwrite(path, position, new Uint8Array(bytes));
  }

  /** Exchanges two sectors of a file. Sectors count from 0. */
  swapSectors(path: string, a: number, b: number): void {
    const contents = this.contents(path);
    const sector = (number: number): Uint8Array =>
      contents.slice(number * SECTOR_BYTES, (number + 1) * SECTOR_BYTES);
    this.overwrite(path, a * SECTOR_BYTES, sector(b));
    this.overwrite(path, b * SECTOR_BYTES, sector(a));
  }

  /** Cuts a file, or extends it with zeros. */
  cut(path: string, bytes: number): void {
    const file = this.#file(path);
    file.current.truncate(bytes);
    file.durable.truncate(bytes);
  }

  /** Exchanges the contents of two files. */
  swap(a: string, b: string): void {
    const [first, second] = [this.#file(a), this.#file(b)];
    this.#set(a, second);
    this.#set(b, first);
  }

  /** Renames a file, within its directory or into another. */
  move(from: string, to: string): void {
    const file = this.#file(from);
    this.remove(from);
    this.#set(to, file);
  }

  /** Creates a second file with the same bytes. */
  copy(from: string, to: string): void {
    this.#set(to, this.#file(from).clone());
  }

  /** Removes a file. */
  remove(path: string): void {
    this.#file(path);
    const directory = this.#tree.directory(parentOf(path), 'unlink', path);
    directory.current.delete(baseName(path));
    directory.settle(baseName(path));
  }

  /** Makes reads of the sectors in this range fail with EIO until the sectors are written whole. */
  makeUnreadable(path: string, position: number, bytes: number): void {
    const file = this.#file(path);
    const last = Math.floor((position + bytes - 1) / SECTOR_BYTES);
    for (let sector = Math.floor(position / SECTOR_BYTES); sector <= last; sector += 1) {
      file.unreadable.add(sector);
    }
  }

  /** Makes all sectors of a file readable again. */
  makeReadable(path: string): void {
    this.#file(path).unreadable.clear();
  }

  #file(path: string): FileNode {
    const node = this.#tree.find(path, 'open', path);
    if (node?.kind !== 'file') throw new Error(`${path} is not a file of the simulated disk`);
    return node;
  }

  #set(path: string, file: FileNode): void {
    const directory = this.#tree.directory(parentOf(path), 'open', path);
    directory.current.set(baseName(path), file);
    directory.settle(baseName(path));
  }
}
