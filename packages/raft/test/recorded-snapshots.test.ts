/**
 * Which snapshots count, and which may be removed, while the record of a received one is not
 * durable.
 */
import { beforeEach, expect, it } from 'vitest';
import { defaultBabuzaConfig } from '../src/index.ts';
import type { StoredSnapshot } from '../src/ports/index.ts';
import { RecordedSnapshots } from '../src/snapshots/recorded-snapshots.ts';
import { bytesOf, MapSnapshots, newGate, type Gate } from './support.ts';

const confState = {
  voters: [1n],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};
const at = (index: number) => ({ index, term: 1, confState });

let manager: MapSnapshots;
let saving: Gate;
let told: number[];
/** The indexes of the records that were saved. */
let marked: (number | undefined)[];
/** The indexes up to which the log was purged. */
let purged: number[];
let sending: { indexes: number[] };
let recorded: RecordedSnapshots;

function store(index: number): Promise<StoredSnapshot> {
  return manager.create(at(index), async (files) => files.writeFile('state', [bytesOf('state')]));
}

beforeEach(async () => {
  manager = new MapSnapshots();
  saving = newGate();
  told = [];
  marked = [];
  purged = [];
  sending = { indexes: [] };
  await store(10);
  recorded = new RecordedSnapshots({
    config: { ...defaultBabuzaConfig(1, 1, 'address-1'), snapshotsKept: 1, compactionMargin: 0 },
    manager,
    wal: {
      purge: async (toIndex) => {
        purged.push(toIndex);
        return {
          toIndex,
          firstIndex: toIndex + 1,
          segmentsRemoved: 0,
          segmentsRecycled: 0,
          bytesFreed: 0,
          segmentsKept: 0,
          heldBy: undefined,
        };
      },
    },
    storage: { createSnapshot: () => undefined, firstIndex: () => 1 },
    append: {
      save: ({ snapshot }) => {
        marked.push(snapshot?.index);
        return saving.passed;
      },
    },
    markers: [at(10)],
    logger: undefined,
    ownership: { recorded: async (index) => void told.push(index) },
    signal: new AbortController().signal,
    sending,
  });
});

const indexes = (): number[] => manager.list().map(({ metadata }) => metadata.index);

it('a record that is not durable yet does not count: the snapshot before it stays', async () => {
  const twenty = await store(20);
  const recording = recorded.record(twenty);
  // A leader sends one meanwhile: its files are durable, and its record is submitted.
  await store(30);
  recorded.installing(at(30));
  saving.open();
  await recording;
  expect(told).toEqual([20]);
  expect(indexes()).toEqual([20, 30]);
  recorded.installed(at(30));
  await recorded.tidy();
  expect(told).toEqual([20, 30]);
  expect(indexes()).toEqual([30]);
});

it('one that was made while a newer one is installed has no record, and does not count', async () => {
  const twenty = await store(20);
  await store(30);
  recorded.installing(at(30));
  saving.open();
  await recorded.record(twenty);
  expect([marked, recorded.newestIndex]).toEqual([[], 30]);
  recorded.installed(at(30));
  expect(recorded.newest()).toEqual({ index: 30, term: 1 });
});

it('the log stays from every snapshot on that is being sent, also where it is not kept any more', async () => {
  saving.open();
  sending.indexes.push(15, 12);
  await recorded.record(await store(20));
  sending.indexes.pop();
  await recorded.tidy();
  sending.indexes.pop();
  await recorded.tidy();
  expect(purged).toEqual([12, 15, 20]);
});
