/**
 * All shapes of a save: each combination of snapshot marker, entries and hard state, at each
 * position in a commit batch. Tests save them and compare the log with the model.
 */
import type { Entry, HardState, SnapshotMetadata } from '@babuza/raftpb';
import type { SaveBatch } from '../wal.ts';
import { ModelLog } from './model-log.ts';
import { entries, entry, marker } from './samples.ts';

/** The effect of the snapshot marker of a save on the log. */
const snapshotShapes = ['no marker', 'a matching marker', 'a reset', 'a reset inside'] as const;
const entriesShapes = ['no entries', 'appends', 'replaces'] as const;
const hardStateShapes = ['no state', 'commit', 'vote', 'term'] as const;

interface SaveShape {
  readonly snapshot: (typeof snapshotShapes)[number];
  readonly entries: (typeof entriesShapes)[number];
  readonly hardState: (typeof hardStateShapes)[number];
}

/** Saves that form one commit batch, on top of `savesBefore`. */
export interface ShapedGroup {
  readonly name: string;
  /** Saves that are made before, each awaited. */
  readonly savesBefore: readonly SaveBatch[];
  /** Saves that are called without waiting in between, so that they form one commit batch. */
  readonly saves: readonly SaveBatch[];
  /**
   * Whether one of `saves` must be durable before it resolves, so that the commit batch costs a
   * sync.
   */
  readonly syncs: boolean;
}

/**
 * The position of the save under test in its commit batch, and whether the other saves need a sync.
 */
export const groupPositions = [
  'alone',
  'first, before saves without a sync',
  'first, before saves with a sync',
  'in the middle of saves without a sync',
  'in the middle of saves with a sync',
  'last, behind saves without a sync',
  'last, behind saves with a sync',
] as const;
export type GroupPosition = (typeof groupPositions)[number];

/** Returns a commit batch for every shape at this position. */
export function shapedGroups(position: GroupPosition): ShapedGroup[] {
  const [before, behind] = neighboursAt(position);
  const neighbour = position.includes('without') ? commitOnly : appendOnly;
  return allShapes().flatMap((shape) => {
    const shapes = [...repeated(neighbour, before), shape, ...repeated(neighbour, behind)];
    return groupOf(`${textOf(shape)}, ${position}`, shapes);
  });
}

/**
 * Returns a commit batch for each two shapes, one after the other. The shapes of the hard state
 * alternate.
 */
export function shapedPairs(): ShapedGroup[] {
  const contents = allShapes().filter(({ hardState }) => hardState === 'no state');
  const groups: ShapedGroup[] = [];
  for (const [at, left] of contents.entries()) {
    for (const [behind, right] of contents.entries()) {
      const first = { ...left, hardState: hardStateShapes[(at + behind) % 4] ?? 'no state' };
      const second = { ...right, hardState: hardStateShapes[(at + 2 * behind) % 4] ?? 'no state' };
      groups.push(...groupOf(`${textOf(first)}; then ${textOf(second)}`, [first, second]));
    }
  }
  return groups;
}

const commitOnly: SaveShape = {
  snapshot: 'no marker',
  entries: 'no entries',
  hardState: 'commit',
};
const appendOnly: SaveShape = { snapshot: 'no marker', entries: 'appends', hardState: 'no state' };

function neighboursAt(position: GroupPosition): readonly [before: number, behind: number] {
  if (position === 'alone') return [0, 0];
  if (position.startsWith('first')) return [0, 2];
  return position.startsWith('last') ? [2, 0] : [1, 1];
}

function repeated(shape: SaveShape, count: number): SaveShape[] {
  return Array.from({ length: count }, () => shape);
}

/**
 * Returns all combinations except those that no log accepts: after a reset there are no entries to
 * replace.
 */
function allShapes(): SaveShape[] {
  const shapes: SaveShape[] = [];
  for (const snapshot of snapshotShapes) {
    for (const kind of entriesShapes) {
      if (snapshot.startsWith('a reset') && kind === 'replaces') continue;
      for (const hardState of hardStateShapes) shapes.push({ snapshot, entries: kind, hardState });
    }
  }
  // The first combination is an empty save.
  return shapes.slice(1);
}

function textOf({ snapshot, entries: kind, hardState }: SaveShape): string {
  return [snapshot, kind, hardState].join(' + ');
}

/** Saves entries 1 to 12 of two terms with commit index 4 and a marker at 3. */
const savesBefore: readonly SaveBatch[] = [
  { entries: entries(1, 6, 1), hardState: { term: 1, vote: 2n, commit: 3 } },
  { snapshot: marker(3, 1) },
  { entries: entries(7, 12, 2), hardState: { term: 2, vote: 0n, commit: 4 } },
];

/**
 * Returns the commit batch of these shapes, or an empty list if one of them is impossible after
 * those before it.
 */
function groupOf(name: string, shapes: readonly SaveShape[]): ShapedGroup[] {
  const log = new ModelLog();
  for (const save of savesBefore) log.save(save);
  const saves: SaveBatch[] = [];
  let syncs = false;
  for (const shape of shapes) {
    const before = log.hardState;
    const save = saveOf(log, shape);
    if (save === undefined) return [];
    saves.push(save);
    log.save(save);
    const { term, vote } = log.hardState;
    syncs ||= save.snapshot !== undefined || save.entries !== undefined;
    syncs ||= term !== before.term || vote !== before.vote;
  }
  return [{ name, savesBefore, saves, syncs }];
}

function saveOf(log: ModelLog, shape: SaveShape): SaveBatch | undefined {
  const after = log.clone();
  const snapshot = snapshotOf(after, shape.snapshot);
  if (snapshot === undefined && shape.snapshot !== 'no marker') return undefined;
  after.save({ snapshot });
  const list = entriesOf(after, shape.entries);
  if (list === undefined && shape.entries !== 'no entries') return undefined;
  after.save({ entries: list });
  return { snapshot, entries: list, hardState: hardStateOf(after, shape.hardState) };
}

function snapshotOf(log: ModelLog, shape: SaveShape['snapshot']): SnapshotMetadata | undefined {
  const { lastIndex } = log;
  const { commit } = log.hardState;
  if (shape === 'a reset') return marker(lastIndex + 3, termAbove(log), 4n);
  if (shape === 'a matching marker') {
    const index = Math.min(commit + 1, lastIndex);
    return marker(index, log.termAt(index) ?? 0, BigInt(index));
  }
  // The marker replaces an entry of another term that is not the last one, so that the entries
  // above it are dropped.
  const inside = shape === 'a reset inside' && lastIndex - 1 > commit;
  return inside ? marker(lastIndex - 1, termAbove(log), 5n) : undefined;
}

function entriesOf(log: ModelLog, shape: SaveShape['entries']): Entry[] | undefined {
  const { lastIndex } = log;
  if (shape === 'appends') {
    const term = Math.max(log.termAt(lastIndex) ?? 0, log.hardState.term);
    return [...entries(lastIndex + 1, lastIndex + 2, term), entry(lastIndex + 3, term + 1)];
  }
  // Replaces entries by fewer entries, so that a reappearing old tail would be noticed.
  const from = Math.max(log.hardState.commit + 1, lastIndex - 3);
  if (shape !== 'replaces' || from > lastIndex) return undefined;
  return entries(from, Math.max(from, lastIndex - 2), termAbove(log));
}

function hardStateOf(log: ModelLog, shape: SaveShape['hardState']): HardState | undefined {
  const { term, vote } = log.hardState;
  const commit = Math.min(log.hardState.commit + 1, log.lastIndex);
  if (shape === 'no state') return undefined;
  if (shape === 'commit') return { term, vote, commit };
  if (shape === 'vote' && vote === 0n) return { term, vote: 3n, commit: log.hardState.commit };
  return { term: termAbove(log), vote: 2n ** 64n - 1n, commit };
}

function termAbove(log: ModelLog): number {
  return Math.max(log.hardState.term, log.termAt(log.lastIndex) ?? 0) + 1;
}
