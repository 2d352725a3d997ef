/**
 * Compares a reopened log with the model of what it must contain, and describes the first
 * differences.
 */
import type { Entry, HardState, SnapshotMetadata } from '@babuza/raftpb';
import type { Storage } from '../storage.ts';
import type { ModelLog } from './model-log.ts';
import { codeOf } from './failures.ts';
import { entryText, markerText } from './samples.ts';

/**
 * The part of the results of `replayWal` (without `discardUncommitted`) and `createWal` that is
 * compared.
 */
export interface ReopenedLog {
  readonly storage: Storage;
  readonly hardState: HardState;
  readonly snapshots: readonly SnapshotMetadata[];
}

const differencesMax = 5;

export function differences(model: ModelLog, reopened: ReopenedLog, exactPurge: boolean): string[] {
  try {
    return [
      ...rangeDifferences(model, reopened, exactPurge),
      ...entryDifferences(model, reopened),
      ...hardStateDifferences(model, reopened),
      ...markerDifferences(model, reopened),
    ];
  } catch (error) {
    return [`the log cannot be read: ${codeOf(error)} ${String(error)}`];
  }
}

function rangeDifferences(
  model: ModelLog,
  { storage }: ReopenedLog,
  exactPurge: boolean,
): string[] {
  const found: string[] = [];
  const first = storage.firstIndex();
  const last = storage.lastIndex();
  const firstMin = model.baseIndex + 1 - (exactPurge ? 0 : model.purged.length);
  if (first > model.baseIndex + 1 || first < firstMin) {
    found.push(`the log starts at ${first}, expected ${model.baseIndex + 1}`);
  }
  if (last < model.lastIndex) {
    found.push(`entries ${last + 1} to ${model.lastIndex} are lost`);
  }
  if (last > model.lastIndex) {
    found.push(`entries ${model.lastIndex + 1} to ${last} should not be there`);
  }
  if (first === model.baseIndex + 1 && storage.term(first - 1) !== model.baseTerm) {
    found.push(
      `the term before the log, at ${first - 1}, is ${storage.term(first - 1)}, expected ${model.baseTerm}`,
    );
  }
  return found;
}

function entryDifferences(model: ModelLog, { storage }: ReopenedLog): string[] {
  const found: string[] = [];
  const purgedFirst = model.baseIndex + 1 - model.purged.length;
  const read = storage.entries(storage.firstIndex(), storage.lastIndex() + 1, Infinity);
  if (read.length !== storage.lastIndex() + 1 - storage.firstIndex()) {
    found.push(
      `${read.length} entries are read from ${storage.firstIndex()} to ${storage.lastIndex()}`,
    );
  }
  for (const [at, entry] of read.entries()) {
    if (found.length >= differencesMax) break;
    const index = storage.firstIndex() + at;
    const expected =
      index > model.baseIndex
        ? model.entries[index - model.baseIndex - 1]
        : model.purged[index - purgedFirst];
    if (expected === undefined) continue;
    if (!sameEntry(entry, expected)) {
      found.push(`entry ${index} is altered: ${entryText(entry)}, expected ${entryText(expected)}`);
    } else if (storage.term(index) !== expected.term) {
      found.push(
        `the index has term ${storage.term(index)} for entry ${index}, expected ${expected.term}`,
      );
    }
  }
  return found;
}

function hardStateDifferences(model: ModelLog, { storage, hardState }: ReopenedLog): string[] {
  const found: string[] = [];
  const expected = model.hardState;
  const stored = storage.initialState().hardState;
  if (
    stored.term !== hardState.term ||
    stored.vote !== hardState.vote ||
    stored.commit !== hardState.commit
  ) {
    found.push('the storage has another hard state than the result of the replay');
  }
  if (hardState.term !== expected.term) {
    found.push(`the term is ${hardState.term}, expected ${expected.term}`);
  }
  if (hardState.vote !== expected.vote) {
    found.push(`the vote is ${hardState.vote}, expected ${expected.vote}`);
  }
  if (hardState.commit > expected.commit || hardState.commit < model.durableCommit) {
    found.push(
      `the commit index is ${hardState.commit}, expected ${model.durableCommit} to ${expected.commit}`,
    );
  }
  return found;
}

function markerDifferences(model: ModelLog, { hardState, snapshots }: ReopenedLog): string[] {
  // A back end without exact purge may list markers below the purge again.
  const read = snapshots.filter(({ index }) => index >= model.baseIndex).map(markerText);
  const expected = model.markers.filter(({ index }) => index <= hardState.commit).map(markerText);
  if (read.join('; ') === expected.join('; ')) return [];
  return [`the markers are [${read.join('; ')}], expected [${expected.join('; ')}]`];
}

/** Whether two entries are equal, including their bytes. Absent and empty data differ. */
export function sameEntry(a: Entry, b: Entry): boolean {
  if (a.index !== b.index || a.term !== b.term || a.type !== b.type) return false;
  if (a.data === undefined || b.data === undefined) return a.data === b.data;
  return Buffer.compare(a.data, b.data) === 0;
}
