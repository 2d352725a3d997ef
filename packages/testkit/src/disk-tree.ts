/** The tree of directories and files of a simulated disk. */
import type { FileOperation } from '@babuza/vfs';
import type { PossibleEffect } from './call-engine.ts';
import { simulatedError } from './fault-rules.ts';
import { DirectoryNode } from './simulated-node.ts';
import type { DirectoryChange, FileNode, SimulatedNode } from './simulated-node.ts';

/** The directory part of an absolute path. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}

/** The last name of an absolute path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The whole content of a disk. */
export class DiskTree {
  readonly root: DirectoryNode;

  constructor(root: DirectoryNode = new DirectoryNode()) {
    this.root = root;
  }

  /** The node at a path as the process sees it. Throws if an ancestor is a file. */
  find(path: string, operation: FileOperation, about: string): SimulatedNode | undefined {
    if (!path.startsWith('/')) throw new RangeError(`${path} is not an absolute path`);
    let node: SimulatedNode = this.root;
    for (const name of path.split('/')) {
      if (name === '') continue;
      if (node.kind === 'file') throw simulatedError('not-a-directory', operation, about);
      const next = node.current.get(name);
      if (next === undefined) return undefined;
      node = next;
    }
    return node;
  }

  /** The directory at a path. Throws if there is no directory. */
  directory(path: string, operation: FileOperation, about: string): DirectoryNode {
    const node = this.find(path, operation, about);
    if (node === undefined) throw simulatedError('not-found', operation, about);
    if (node.kind === 'file') throw simulatedError('not-a-directory', operation, about);
    return node;
  }

  /** The directory at a path, or `undefined` if there is no directory. */
  directoryIfAny(path: string): DirectoryNode | undefined {
    let node: SimulatedNode | undefined = this.root;
    for (const name of path.split('/')) {
      if (name === '') continue;
      node = node?.kind === 'directory' ? node.current.get(name) : undefined;
    }
    return node?.kind === 'directory' ? node : undefined;
  }

  /** Creates a directory and its missing ancestors, all of them durable. */
  makeDirectory(path: string): void {
    let directory = this.root;
    for (const name of path.split('/')) {
      if (name === '') continue;
      let next = directory.current.get(name);
      if (next === undefined) {
        next = new DirectoryNode();
        directory.link(name, next);
      }
      if (next.kind === 'file') throw simulatedError('not-a-directory', 'mkdir', path);
      directory.settle(name);
      directory = next;
    }
  }

  /** The names that `makeDirectory` would create, as changes that are not durable. */
  missingDirectories(path: string): PossibleEffect[] {
    const changes: PossibleEffect[] = [];
    let directory = this.root;
    for (const name of path.split('/')) {
      if (name === '') continue;
      const found = directory.current.get(name);
      if (found?.kind === 'file') return [];
      const next = found ?? new DirectoryNode();
      if (found === undefined) {
        const change: DirectoryChange = { kind: 'link', sequence: 0, name, node: next };
        changes.push({ kind: 'names', directory, change });
      }
      directory = next;
    }
    return changes;
  }

  /** All files that the process sees. */
  files(): Set<FileNode> {
    const files = new Set<FileNode>();
    const visit = (directory: DirectoryNode): void => {
      for (const node of directory.current.values()) {
        if (node.kind === 'file') files.add(node);
        else visit(node);
      }
    };
    visit(this.root);
    return files;
  }

  /** A copy of everything, including pending changes. The effects refer to the copy afterwards. */
  clone(effects: readonly PossibleEffect[] = []): { tree: DiskTree; effects: PossibleEffect[] } {
    const copies = new Copies();
    const root = copies.directory(this.root);
    return { tree: new DiskTree(root), effects: effects.map((each) => copies.effect(each)) };
  }
}

/** Maps nodes to their copies, so that each node is copied once. */
class Copies {
  readonly #files: Map<FileNode, FileNode> = new Map();
  readonly #directories: Map<DirectoryNode, DirectoryNode> = new Map();

  file(node: FileNode): FileNode {
    const copy = this.#files.get(node) ?? node.clone();
    this.#files.set(node, copy);
    return copy;
  }

  directory(node: DirectoryNode): DirectoryNode {
    const known = this.#directories.get(node);
    if (known !== undefined) return known;
    const copy = new DirectoryNode();
    this.#directories.set(node, copy);
    for (const [name, child] of node.current) copy.current.set(name, this.node(child));
    for (const [name, child] of node.durable) copy.durable.set(name, this.node(child));
    copy.pending = node.pending.map((change) => this.change(change));
    copy.sequence = node.sequence;
    return copy;
  }

  node(node: SimulatedNode): SimulatedNode {
    return node.kind === 'file' ? this.file(node) : this.directory(node);
  }

  change(change: DirectoryChange): DirectoryChange {
    return change.kind === 'link' ? { ...change, node: this.node(change.node) } : change;
  }

  effect(effect: PossibleEffect): PossibleEffect {
    if (effect.kind !== 'names') return { ...effect, file: this.file(effect.file) };
    const directory = this.directory(effect.directory);
    return { kind: 'names', directory, change: this.change(effect.change) };
  }
}
