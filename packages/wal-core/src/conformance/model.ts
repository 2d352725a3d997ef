/**
 * Random histories: calls that are generated from a seed and made on both a log and a model of it,
 * which must agree after every step and every restart. A failure names its seed.
 */
import type { Entry, SnapshotMetadata } from '@babuza/raftpb';
import type { OpenedWal } from '../wal-manager.ts';
import type { SaveBatch } from '../wal.ts';
import { differences } from './ledger-compare.ts';
import { ModelLog } from './model-log.ts';
import { entry, marker } from './samples.ts';
import type { Suite, World } from './suite.ts';

const stepsPerSeed = 40;

export function modelTests(suite: Suite): void {
  const { seeds = 20, firstSeed = 1 } = suite.target;
  for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
    suite.test(`random calls from seed ${seed} agree with the model`, async (world) => {
      await new History(suite, world, seed).run();
    });
  }
}

class History {
  readonly #suite: Suite;
  readonly #world: World;
  readonly #seed: number;
  readonly #model = new ModelLog();
  readonly #steps: string[] = [];
  #randomState: number;
  #pending: Promise<unknown>[] = [];

  constructor(suite: Suite, world: World, seed: number) {
    this.#suite = suite;
    this.#world = world;
    this.#seed = seed;
    this.#randomState = seed;
  }

  async run(): Promise<void> {
    let opened = await this.#world.create();
    for (let step = 0; step < stepsPerSeed; step += 1) {
      const kind = this.#below(100);
      if (kind < 70) this.#save(opened);
      else if (kind < 80) this.#purge(opened);
      else opened = await this.#reopen(kind < 85);
      // Some calls stay pending while the next ones are made.
      if (this.#below(3) > 0) await this.#compare(opened);
    }
    await this.#compare(await this.#reopen(false));
  }

  #save({ wal }: OpenedWal): void {
    const batch = this.#randomBatch();
    this.#model.save(batch);
    this.#pending.push(wal.save(batch));
  }

  #purge({ wal }: OpenedWal): void {
    const { commit } = this.#model.hardState;
    const toIndex = Math.max(0, commit - this.#below(6));
    this.#steps.push(`purge to ${toIndex}`);
    this.#model.purge(toIndex);
    this.#pending.push(wal.purge(toIndex));
  }

  async #reopen(discardUncommitted: boolean): Promise<OpenedWal> {
    this.#steps.push(discardUncommitted ? 'restart, discarding' : 'restart');
    // Closing waits for the pending calls.
    const opened = await this.#world.restart({ discardUncommitted });
    if (discardUncommitted) this.#model.discardUncommitted(0);
    await this.#compare(opened, opened.snapshots);
    return opened;
  }

  async #compare(
    opened: OpenedWal,
    snapshots: readonly SnapshotMetadata[] = this.#model.markers,
  ): Promise<void> {
    const pending = this.#pending;
    this.#pending = [];
    const failed = (await Promise.allSettled(pending)).filter(
      ({ status }) => status === 'rejected',
    );
    const { storage } = opened;
    const found = differences(
      this.#model,
      {
        storage,
        hardState: storage.initialState().hardState,
        snapshots,
      },
      this.#suite.target.capabilities.exactPurge,
    );
    const history = `seed ${this.#seed}, after: ${this.#steps.join('; ')}`;
    this.#suite.expect([...failed, ...found], history).toEqual([]);
    this.#suite
      .expect(storage.initialState().hardState.commit, history)
      .toBe(this.#model.hardState.commit);
  }

  #randomBatch(): SaveBatch {
    const after = this.#model.clone();
    const snapshot = this.#below(8) === 0 ? this.#randomMarker() : undefined;
    after.save({ snapshot });
    const list = this.#below(5) === 0 ? undefined : this.#randomEntries(after);
    after.save({ entries: list });
    const { term, vote, commit } = after.hardState;
    const newTerm = Math.max(term + (this.#below(4) === 0 ? 1 : 0), list?.at(-1)?.term ?? 0);
    const hardState = {
      term: newTerm,
      vote: newTerm === term && vote !== 0n ? vote : BigInt(this.#below(3)),
      commit: Math.max(commit, after.lastIndex - this.#below(8)),
    };
    const batch = {
      snapshot,
      entries: list,
      hardState: this.#below(2) === 0 ? hardState : undefined,
    };
    this.#steps.push(batchText(batch));
    return batch;
  }

  /**
   * Returns a marker, usually for an entry of the log, else for an index that the log does not have
   * with this term.
   */
  #randomMarker(): SaveBatch['snapshot'] {
    const { baseIndex, lastIndex, hardState, markers } = this.#model;
    const lowest = Math.max(baseIndex, markers.at(-1)?.index ?? 0);
    const newTerm = Math.max(hardState.term, this.#model.termAt(lastIndex) ?? 0) + 1;
    if (this.#below(4) === 0) {
      return marker(Math.max(hardState.commit, lowest) + 1 + this.#below(8), newTerm, 7n);
    }
    const index = lowest + this.#below(lastIndex - lowest + 1);
    return marker(index, this.#model.termAt(index) ?? newTerm, BigInt(index + 1));
  }

  #randomEntries(log: ModelLog): Entry[] {
    const lowest = Math.max(log.baseIndex, log.hardState.commit) + 1;
    const first =
      this.#below(3) === 0 ? lowest + this.#below(log.lastIndex - lowest + 2) : log.lastIndex + 1;
    // Conflicting entries come from a newer leader, so they have a higher term.
    const before = Math.max(
      log.termAt(first - 1) ?? 0,
      log.termAt(first) ?? 0,
      log.hardState.term,
      1,
    );
    const result: Entry[] = [];
    let term = before + (first <= log.lastIndex ? 1 : 0);
    const count = 1 + this.#below(6);
    for (let index = first; index < first + count; index += 1) {
      if (this.#below(6) === 0) term += 1;
      const bytes = this.#below(20) === 0 ? this.#below(40_000) : this.#below(200);
      const { data: _, ...bare } = entry(index, term, 0);
      result.push(this.#below(12) === 0 ? bare : entry(index, term, bytes));
    }
    return result;
  }

  /** Returns a pseudo-random integer from 0 to `limit` - 1. */
  #below(limit: number): number {
    this.#randomState = (this.#randomState + 0x9e37_79b9) >>> 0;
    let mixed = this.#randomState ^ (this.#randomState >>> 16);
    mixed = Math.imul(mixed, 0x21f0_aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a_2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) % limit;
  }
}

function batchText({ snapshot, entries: list, hardState }: SaveBatch): string {
  const parts: string[] = [];
  if (snapshot !== undefined) parts.push(`marker ${snapshot.index}/${snapshot.term}`);
  const first = list?.[0];
  const last = list?.at(-1);
  if (first !== undefined && last !== undefined) {
    parts.push(`entries ${first.index}/${first.term} to ${last.index}/${last.term}`);
  }
  if (hardState !== undefined) {
    parts.push(`term ${hardState.term} vote ${hardState.vote} commit ${hardState.commit}`);
  }
  return `save ${parts.join(', ') || 'nothing'}`;
}
