/**
 * Tests the ledger on real crashes: the reference back end is stopped after each single plan that
 * it writes, and the ledger judges each of these states. It must accept the correct back end and
 * reject the wrong ones.
 */
import { EntryStorage, QueuedWal, WalEventHub, type SavePlan } from '@babuza/wal-core/backend';
import { Ledger, type LedgerBatch } from '@babuza/wal-core/conformance';
import { emptyHardState, type HardState } from '@babuza/raftpb';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { entries, marker } from './samples.ts';
import {
  MemoryDisk,
  ReferenceStore,
  type StoredLog,
  type StoreParts,
} from './wrong-backends/reference.ts';
import {
  ForgetsCommitOfMarker,
  ForgetsReset,
  KeepsNewestMarkerOnly,
  KeepsOldPayloads,
  PurgesHalf,
  ResetsAlways,
  ResurrectsHigherEntries,
  RoundsIds,
} from './wrong-backends/wrong-stores.ts';

interface Step {
  readonly kind:
    | 'append'
    | 'conflict'
    | 'vote'
    | 'commit'
    | 'marker'
    | 'install'
    | 'purge'
    | 'sync';
  readonly amount: number;
  /** Whether the step waits for all steps before it. */
  readonly waits: boolean;
}

const kinds = [
  'append',
  'append',
  'conflict',
  'vote',
  'commit',
  'marker',
  'install',
  'purge',
  'sync',
] as const;
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({ kind: fc.constantFrom(...kinds), amount: fc.nat(5), waits: fc.boolean() }),
  { minLength: 5, maxLength: 30 },
);

type Store = new (...parts: StoreParts) => ReferenceStore;

/** Runs the steps and judges the stored state after each plan. Returns the first violations. */
async function run(Store: Store, list: readonly Step[]): Promise<string[]> {
  const ledger = new Ledger();
  const log: StoredLog = {
    metadata: { clusterId: 1n, nodeId: 1n, entryBytesMax: 10_000 },
    baseIndex: 0,
    baseTerm: 0,
    entries: new Map(),
    hardState: emptyHardState,
    markers: [],
  };
  let violations: string[] = [];
  const judge = (): void => {
    if (violations.length === 0) violations = ledger.judge(reopened(log));
  };
  class JudgedStore extends Store {
    protected override apply(plan: SavePlan): void {
      super.apply(plan);
      judge();
    }
  }
  const store = new JudgedStore(new MemoryDisk(), log, undefined, () => undefined);
  const view = store.entryView;
  const wal = new QueuedWal({
    groupId: 0n,
    view,
    store,
    events: new WalEventHub(),
    entryBytesMax: 10_000,
    cloneTerms: () => view.state.index.clone(),
  });
  const caller = new Caller();
  let last: Promise<void> = Promise.resolve();
  for (const step of list) {
    const batch = caller.batchFor(step);
    const id = ledger.attempt(batch);
    last = call(wal, batch).then(
      () => ledger.acknowledge(id),
      (error: unknown) => ledger.reject(id, error),
    );
    if (step.waits) await last;
  }
  await last;
  judge();
  return violations;
}

async function call(wal: QueuedWal, batch: LedgerBatch): Promise<void> {
  if (batch.purgeTo !== undefined) await wal.purge(batch.purgeTo);
  else if (batch.sync === true) await wal.sync();
  else await wal.save(batch);
}

/** Opens a copy of the stored state. */
function reopened(log: StoredLog) {
  const copy = { ...log, entries: new Map(log.entries) };
  const view = new ReferenceStore(new MemoryDisk(), copy, undefined, () => undefined).entryView;
  const { hardState } = view.state;
  return { storage: new EntryStorage(view), hardState, snapshots: view.state.validMarkers() };
}

/** A node that makes valid calls only. */
class Caller {
  #last = 0;
  #base = 0;
  #marker = 0;
  #term = 1;
  #hardState: HardState = emptyHardState;

  batchFor({ kind, amount }: Step): LedgerBatch {
    const { commit } = this.#hardState;
    switch (kind) {
      case 'append':
        return this.#append(this.#last + 1, amount);
      case 'conflict':
        this.#term += 1;
        return this.#append(Math.max(commit, this.#last - amount) + 1, amount >> 1);
      case 'vote':
        this.#term += 1;
        this.#hardState = { term: this.#term, vote: 2n ** 60n + BigInt(amount), commit };
        return { hardState: this.#hardState };
      case 'commit':
        this.#hardState = { ...this.#hardState, commit: Math.min(this.#last, commit + amount) };
        return { hardState: this.#hardState };
      case 'marker':
        if (this.#terms.size === 0 || commit <= this.#marker) return {};
        this.#marker = commit;
        return { snapshot: marker(commit, this.#terms.get(commit) ?? 0) };
      case 'install':
        return amount > 0 ? {} : this.#install();
      case 'purge':
        this.#base = Math.max(this.#base, commit - amount);
        return { purgeTo: this.#base };
      default:
        return { sync: true };
    }
  }

  readonly #terms = new Map<number, number>();

  #append(first: number, amount: number): LedgerBatch {
    const list = entries(first, first + amount, this.#term, 20);
    this.#last = first + amount;
    for (const { index, term } of list) this.#terms.set(index, term);
    return { entries: list.map((one) => ({ ...one, data: new Uint8Array(20).fill(one.term) })) };
  }

  #install(): LedgerBatch {
    this.#term += 1;
    const index = this.#hardState.commit + 2;
    this.#last = index;
    this.#base = index;
    this.#marker = index;
    this.#terms.set(index, this.#term);
    this.#hardState = { ...this.#hardState, commit: index };
    return { snapshot: marker(index, this.#term) };
  }
}

describe('every state between two plans', () => {
  it('of the correct back end is allowed', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        expect(await run(ReferenceStore, list)).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  const wrong = [
    ForgetsCommitOfMarker,
    ForgetsReset,
    KeepsNewestMarkerOnly,
    KeepsOldPayloads,
    PurgesHalf,
    ResetsAlways,
    ResurrectsHigherEntries,
    RoundsIds,
  ];
  for (const Store of wrong) {
    it(`of ${Store.name} is rejected`, async () => {
      const all = await Promise.all(
        fc.sample(steps, { numRuns: 60, seed: 1 }).map((list) => run(Store, list)),
      );
      expect(all.filter((violations) => violations.length > 0).length).toBeGreaterThan(0);
    });
  }
});
