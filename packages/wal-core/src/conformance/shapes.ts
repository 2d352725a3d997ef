/**
 * Saves of every shape at every position in a commit batch. Acknowledged saves must be readable at
 * once and after the log was closed and opened again. A commit batch that must be durable must cost
 * a sync, whichever of its saves needs it.
 */
import type { OpenedWal } from '../wal-manager.ts';
import { rejectionOf } from './failures.ts';
import { differences } from './ledger-compare.ts';
import { ModelLog } from './model-log.ts';
import { entry } from './samples.ts';
import { groupPositions, shapedGroups, shapedPairs, type ShapedGroup } from './save-shapes.ts';
import { sampleMetadata, type Suite, type World } from './suite.ts';

/** Number of logs that are open at a time. Each shape has a log of its own. */
const logsMax = 40;

export function shapeTests(suite: Suite): void {
  const { shapeStride = 1 } = suite.target;
  const sample = (groups: readonly ShapedGroup[], offset: number): ShapedGroup[] =>
    groups.filter((_, at) => (at + offset) % shapeStride === 0);
  for (const [offset, position] of groupPositions.entries()) {
    suite.test(`a save of every shape, ${position}`, async (world) => {
      await playTogether(suite, world, sample(shapedGroups(position), offset));
    });
  }
  suite.test('each two shapes of saves in one commit batch', async (world) => {
    await playTogether(suite, world, sample(shapedPairs(), 0));
  });
  const refused = 'saves of every shape that fail on a full disk and are repeated';
  if (suite.target.failsOnDemand !== true) {
    suite.notTested(refused, 'the harness cannot provoke it');
    return;
  }
  suite.test(refused, async (world) => {
    const groups = shapedGroups('last, behind saves without a sync').filter(({ syncs }) => syncs);
    for (const [at, group] of groups.entries()) {
      const log = new ShapedLog(suite, group, BigInt(at + 1));
      await log.begin(world);
      await log.refuse(world);
      await log.saveGroup();
      await world.close();
      await log.reopen(world);
      await world.close();
    }
  });
}

/** Saves each commit batch on a log of its own, then closes, reopens and compares all logs. */
async function playTogether(
  suite: Suite,
  world: World,
  groups: readonly ShapedGroup[],
): Promise<void> {
  for (let from = 0; from < groups.length; from += logsMax) {
    const logs = groups
      .slice(from, from + logsMax)
      .map((group, at) => new ShapedLog(suite, group, BigInt(from + at + 1)));
    await Promise.all(logs.map((log) => log.begin(world)));
    await Promise.all(logs.map((log) => log.saveGroup()));
    await world.close();
    await Promise.all(logs.map((log) => log.reopen(world)));
    await Promise.all(logs.map((log) => log.goOn()));
    await world.close();
  }
}

/** A log on which one commit batch is saved, and the model that it is compared with. */
class ShapedLog {
  readonly #suite: Suite;
  readonly #group: ShapedGroup;
  readonly #groupId: bigint;
  readonly #model = new ModelLog();
  #log: OpenedWal | undefined;

  constructor(suite: Suite, group: ShapedGroup, groupId: bigint) {
    this.#suite = suite;
    this.#group = group;
    this.#groupId = groupId;
  }

  async begin(world: World): Promise<void> {
    this.#log = await world.create(sampleMetadata, { groupId: this.#groupId });
    for (const save of this.#group.savesBefore) {
      await this.#opened.wal.save(save);
      this.#model.save(save);
    }
  }

  async saveGroup(): Promise<void> {
    const { wal } = this.#opened;
    const { saves, syncs, name } = this.#group;
    const syncsBefore = wal.stats.syncs;
    await Promise.all(saves.map((save) => wal.save(save)));
    for (const save of saves) this.#model.save(save);
    this.#compare('saved');
    if (!this.#suite.target.capabilities.durable) return;
    const cost = wal.stats.syncs - syncsBefore;
    this.#suite.check(syncs ? cost > 0 : cost === 0, `${name}: it cost ${cost} syncs`);
  }

  /** Makes the commit batch fail for want of space, and checks that nothing of it is left. */
  async refuse({ harness }: World): Promise<void> {
    harness.failNextWrite?.('no-space');
    const { wal } = this.#opened;
    const codes = await Promise.all(this.#group.saves.map((save) => rejectionOf(wal.save(save))));
    this.#suite.expect(codes, this.#group.name).toEqual(codes.map(() => 'WAL_NO_SPACE'));
    this.#compare('refused');
  }

  async reopen(world: World): Promise<void> {
    this.#log = await (await world.manager()).replayWal({ groupId: this.#groupId });
    this.#compare('opened again');
    const snapshots = this.#log.snapshots.map(({ index }) => index);
    const expected = this.#model.markers.map(({ index }) => index);
    this.#suite.expect(snapshots, this.#group.name).toEqual(expected);
  }

  /** Checks that a save after the restart can be read. */
  async goOn(): Promise<void> {
    const { lastIndex, hardState } = this.#model;
    const term = Math.max(this.#model.termAt(lastIndex) ?? 0, hardState.term, 1);
    const save = { entries: [entry(lastIndex + 1, term)] };
    await this.#opened.wal.save(save);
    this.#model.save(save);
    this.#compare('gone on');
  }

  get #opened(): OpenedWal {
    if (this.#log === undefined) throw new Error('the log was not begun');
    return this.#log;
  }

  #compare(when: string): void {
    const { storage } = this.#opened;
    const { hardState } = storage.initialState();
    const { exactPurge } = this.#suite.target.capabilities;
    const reopened = { storage, hardState, snapshots: this.#model.markers };
    const found = differences(this.#model, reopened, exactPurge);
    this.#suite.expect(found, `${this.#group.name}, ${when}`).toEqual([]);
    const { commit } = this.#model.hardState;
    this.#suite.expect(hardState.commit, `${this.#group.name}, ${when}`).toBe(commit);
  }
}
