/**
 * A crash plan lists what a power cut may leave. Every piece of an unsynced write, every unsynced
 * size and every unsynced name is one choice. A selection answers each choice and yields a tree.
 *
 * Size and content are independent: a grown file shows zeros (or old bytes) where no piece
 * survived, and a piece behind the surviving size is lost. Names are independent unless they touch
 * the same name; then the later change needs the earlier one.
 */
import { DiskTree } from './disk-tree.ts';
import type { PagedImage } from './paged-image.ts';
import type { SeededRandom } from './seeded-random.ts';
import { DirectoryNode, FileNode, applyName, namesOf, piecesOf } from './simulated-node.ts';
import type { DirectoryChange, FileChange, SimulatedNode } from './simulated-node.ts';

/** One change that survives a power cut or does not. */
export interface CrashChoice {
  /** A description for the message of a failing test. */
  readonly what: string;
  /** Answers range from 0 (nothing survives) to `answers` − 1 (everything does). */
  readonly answers: number;
  /** Choices with the same number belong to the same call. */
  readonly group: number;
  /** Choices that must not be answered 0 if this one is not. */
  readonly needs: readonly number[];
}

/** One answer per choice. */
export type CrashSelection = readonly number[];

interface CrashOptions {
  readonly pieceBytes: number;
  readonly showsGarbage: boolean;
}

/** The choices of a power cut. */
export class CrashPlan {
  readonly choices: readonly CrashChoice[];
  /** The number of selections, including impossible ones. */
  readonly selectionCount: number;
  readonly #tree: DiskTree;
  readonly #options: CrashOptions;
  /** The number of the first choice of each node. */
  readonly #firstChoice: Map<SimulatedNode, number> = new Map();

  /** Takes ownership of the tree. */
  constructor(tree: DiskTree, options: CrashOptions) {
    this.#tree = tree;
    this.#options = options;
    const choices: CrashChoice[] = [];
    this.#collect(tree.root, '', choices);
    this.choices = choices;
    this.selectionCount = choices.reduce((product, choice) => product * choice.answers, 1);
  }

  /** Whether every surviving change has the changes that it needs. */
  isPossible(selection: CrashSelection): boolean {
    return this.choices.every(
      (choice, index) =>
        selection[index] === 0 || choice.needs.every((need) => selection[need] !== 0),
    );
  }

  /** All possible selections in a fixed order. There may be very many. */
  *selections(): Generator<CrashSelection> {
    for (let number = 0; number < this.selectionCount; number += 1) {
      let rest = number;
      const selection = this.choices.map(({ answers }) => {
        const answer = rest % answers;
        rest = Math.floor(rest / answers);
        return answer;
      });
      if (this.isPossible(selection)) yield selection;
    }
  }

  /** The selection in which everything survives, or nothing. */
  extreme(survives: boolean): CrashSelection {
    return this.choices.map(({ answers }) => (survives ? answers - 1 : 0));
  }

  /**
   * A random possible selection. Equal odds for each piece would almost never lose one of a
   * hundred, so the odds themselves are drawn first.
   */
  sample(random: SeededRandom): CrashSelection {
    const odds = random.pick(SAMPLING);
    const group = random.below(this.choices.length + 1);
    const answers = this.choices.map((choice, index) => {
      const rest = choice.answers - 1;
      if (odds === 'by group') return coin(choice.group * 7919 + group) ? rest : 0;
      if (odds === 'only one') return index === group ? rest : 0;
      if (odds === 'all but one') return index === group ? 0 : rest;
      if (!random.chance(odds)) return 0;
      return 1 + random.below(rest);
    });
    for (const [index, choice] of this.choices.entries()) {
      if (choice.needs.some((need) => answers[need] === 0)) answers[index] = 0;
    }
    return answers;
  }

  /**
   * The disk content if this selection survives. `random` makes the garbage, if the options ask for
   * it.
   */
  apply(selection: CrashSelection, random: SeededRandom): DiskTree {
    const nodes = new Map<SimulatedNode, SimulatedNode>();
    const rebuild = (node: SimulatedNode): SimulatedNode => {
      const known = nodes.get(node);
      if (known !== undefined) return known;
      const first = this.#firstChoice.get(node) ?? 0;
      if (node.kind === 'file') {
        const file = this.#rebuildFile(node, selection, first, random);
        nodes.set(node, file);
        return file;
      }
      const directory = new DirectoryNode();
      nodes.set(node, directory);
      const names = new Map(node.durable);
      for (const [index, change] of node.pending.entries()) {
        if (selection[first + index] !== 0) applyName(names, change);
      }
      for (const [name, child] of names) {
        const copy = rebuild(child);
        directory.current.set(name, copy);
        directory.durable.set(name, copy);
      }
      return directory;
    };
    const root = rebuild(this.#tree.root);
    return new DiskTree(root.kind === 'directory' ? root : undefined);
  }

  #collect(node: SimulatedNode, path: string, choices: CrashChoice[]): void {
    if (this.#firstChoice.has(node)) return;
    this.#firstChoice.set(node, choices.length);
    if (node.kind === 'file') {
      this.#collectFile(node, path, choices);
      return;
    }
    const first = choices.length;
    for (const [index, change] of node.pending.entries()) {
      const needs = node.pending
        .slice(0, index)
        .flatMap((earlier, at) => (touchesSame(earlier, change) ? [first + at] : []));
      choices.push({ what: nameOf(change, path), answers: 2, group: choices.length, needs });
    }
    const children = new Map<SimulatedNode, string>();
    for (const [name, child] of node.durable) children.set(child, name);
    for (const change of node.pending) {
      if (change.kind === 'link') children.set(change.node, change.name);
    }
    for (const [child, name] of children) this.#collect(child, `${path}/${name}`, choices);
  }

  #collectFile(node: FileNode, path: string, choices: CrashChoice[]): void {
    const sizes = node.pending.filter(changesSize).length;
    if (sizes > 0) {
      const what = `size ${path}`;
      choices.push({ what, answers: sizes + 1, group: choices.length, needs: [] });
    }
    for (const change of node.pending) {
      if (change.kind === 'truncate') continue;
      const group = choices.length;
      for (const piece of piecesOf(change, this.#options.pieceBytes)) {
        const what = `write ${path} @${piece.position} +${piece.data.length}`;
        choices.push({ what, answers: 2, group, needs: [] });
      }
    }
  }

  #rebuildFile(
    node: FileNode,
    selection: CrashSelection,
    first: number,
    random: SeededRandom,
  ): FileNode {
    let next = first;
    const image = node.durable.clone();
    const sizesKept = node.pending.some(changesSize) ? (selection[next++] ?? 0) : 0;
    let sizesSeen = 0;
    let size = image.size;
    for (const change of node.pending) {
      if (changesSize(change)) sizesSeen += 1;
      const sizeSurvives = changesSize(change) && sizesSeen <= sizesKept;
      if (change.kind === 'truncate') {
        if (!sizeSurvives) continue;
        size = change.bytes;
        if (image.size > size) image.truncate(size);
        continue;
      }
      if (sizeSurvives) size = Math.max(size, change.growsTo ?? 0);
      for (const piece of piecesOf(change, this.#options.pieceBytes)) {
        if (selection[next++] !== 0) image.write(piece.data, piece.position);
        else if (this.#options.showsGarbage) leaveGarbage(image, piece, node.durable.size, random);
      }
    }
    image.truncate(size);
    const file = new FileNode(image);
    file.unreadable = new Set(node.unreadable);
    return file;
  }
}

const SAMPLING = [0.5, 0.5, 0.1, 0.9, 0.02, 0.98, 'by group', 'only one', 'all but one'] as const;

function coin(seed: number): boolean {
  return (Math.imul(seed, 0x9e3779b1) >>> 15) % 2 === 0;
}

/** A block that was allocated to a grown file but not written may show its previous content. */
function leaveGarbage(
  image: PagedImage,
  piece: { position: number; data: Uint8Array },
  durableBytes: number,
  random: SeededRandom,
): void {
  const start = Math.max(piece.position, durableBytes);
  const bytes = piece.position + piece.data.length - start;
  if (bytes > 0 && random.chance(0.5)) image.write(random.bytes(bytes), start);
}

function changesSize(change: FileChange): boolean {
  return change.kind === 'truncate' || change.growsTo !== undefined;
}

function touchesSame(a: DirectoryChange, b: DirectoryChange): boolean {
  const names = namesOf(b);
  return namesOf(a).some((name) => names.includes(name));
}

function nameOf(change: DirectoryChange, path: string): string {
  const to = change.kind === 'rename' ? ` to ${change.to}` : '';
  return `${change.kind} ${path}/${change.name}${to}`;
}
