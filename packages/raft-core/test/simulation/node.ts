/**
 * One node: the core, its disk, its application, and the work between them. The work proceeds in
 * small steps (see `ready-loop.ts` and `storage-threads.ts`), so that a crash or a message can come
 * between any two of them.
 */

import {
  decodeConfChange,
  decodeConfChangeV2,
  EntryType,
  type ConfChange,
  type ConfChangeV2,
  type Entry,
  type Message,
  type Snapshot,
} from '@babuza/raftpb';
import { RaftCoreError, RawNode, StateType, type Ready } from '../../src/index.ts';
import { Application } from './application.ts';
import type { CheckedNode, Seen } from './checker.ts';
import { Disk, snapshotIn } from './disk.ts';
import { ReadyLoop } from './ready-loop.ts';
import { StorageThreads } from './storage-threads.ts';
import type { StorageWork, WorkingNode } from './storage-work.ts';
import { demand } from './violation.ts';
import type { World } from './world.ts';

const noBytes = new Uint8Array(0);
const nothingSeen: Seen = {
  hardState: { term: 0, vote: 0n, commit: 0 },
  applied: 0,
  state: StateType.Follower,
};
/** The errors that a user of the core must expect. Any other error is a failure of the run. */
const refusals: ReadonlySet<string> = new Set([
  'RAFT_CORE_PROPOSAL_DROPPED',
  'RAFT_CORE_PEER_NOT_FOUND',
]);

export class SimulatedNode implements CheckedNode, WorkingNode {
  readonly id: bigint;
  readonly disk: Disk;
  raw: RawNode | undefined;
  application: Application = new Application();
  seen: Seen = nothingSeen;
  /**
   * The number of starts and crashes. Actions that were planned before the last of them are
   * dropped.
   */
  incarnation = 0;
  /** No write of the disk ends before this time. */
  stalledUntil = 0;
  readonly #world: World;
  #work: StorageWork | undefined;

  constructor(id: bigint, world: World) {
    this.id = id;
    this.#world = world;
    this.disk = new Disk((write) => world.checker.beforeDurable(id, this.disk, write));
  }

  /** The core of a node that is up. */
  get running(): RawNode {
    if (this.raw === undefined) throw new Error(`node ${this.id} is down`);
    return this.raw;
  }

  get leads(): boolean {
    return this.raw?.unsafeRaft.state === StateType.Leader;
  }

  start(): void {
    const { options, random, trace } = this.#world;
    const { visible } = this.disk;
    const { hardState, confState } = visible.initialState();
    const snapshot = snapshotIn(visible);
    this.application = new Application();
    if (snapshot !== undefined) this.application.restore(snapshot);
    this.application.confState = confState;
    this.incarnation += 1;
    const { applied } = this.application;
    trace.note(() => `${this.id} starts: term ${hardState.term}, log to ${visible.lastIndex()}`);
    this.seen = { hardState, applied, state: StateType.Follower };
    this.raw = new RawNode({
      ...options.core,
      id: this.id,
      storage: visible,
      applied,
      random: () => random.next(),
    });
    this.#work =
      options.core.asyncStorageWrites === true
        ? new StorageThreads(this, this.#world)
        : new ReadyLoop(this, this.#world);
    this.#foundIfNew();
    this.act('start', () => {});
    this.#planTick();
  }

  crash(): void {
    const { random, counters, trace } = this.#world;
    this.raw = undefined;
    this.#work = undefined;
    this.incarnation += 1;
    const lost = this.disk.crash(random.below(this.disk.pendingCount + 1));
    counters.add('crashes');
    counters.add('writesLost', lost);
    trace.note(() => `${this.id} crashes`);
  }

  /**
   * Calls the core, checks the invariants, and wakes the storage work. Expected errors are only
   * counted.
   */
  act(what: string, action: (raw: RawNode) => void): void {
    const { raw } = this;
    if (raw === undefined) return;
    const { counters, checker, trace } = this.#world;
    try {
      action(raw);
    } catch (error) {
      if (!(error instanceof RaftCoreError && refusals.has(error.code))) throw error;
      const isProposal = error.code === 'RAFT_CORE_PROPOSAL_DROPPED';
      counters.add(isProposal ? 'proposalsRefused' : 'answersRefused');
    }
    const { term, log, state, lead } = raw.unsafeRaft;
    trace.note(
      () =>
        `${this.#world.scheduler.now.toFixed(1)} node ${this.id} ${what}: term ${term}, ` +
        `${['follower', 'candidate', 'leader', 'pre-candidate'][state]} of ${lead}, ` +
        `log to ${log.lastIndex()}, committed ${log.committed}, applied ${this.application.applied}`,
    );
    trace.mix(Number(this.id) * 31 + term);
    trace.mix(log.lastIndex() * 31 + log.committed);
    checker.afterStep(this);
    this.#work?.wake();
  }

  /** Calls `action` after `delay`, unless the node has crashed by then. */
  later(delay: number, what: string, action: (raw: RawNode) => void): void {
    const { incarnation } = this;
    this.#world.scheduler.after(delay, () => {
      if (this.incarnation === incarnation) this.act(what, action);
    });
  }

  /** How long a write, or a sync, takes now. */
  writeMs(): number {
    const { random, options, scheduler, counters, isCalm } = this.#world;
    if (isCalm) return random.next();
    if (random.chance(options.stallRate)) {
      this.stalledUntil = scheduler.now + random.between(50, 400);
      counters.add('stalls');
    }
    const wait = Math.max(0, this.stalledUntil - scheduler.now);
    return wait + random.next() * options.writeMsMax;
  }

  takeReady(): Ready {
    const { checker, reads } = this.#world;
    const raw = this.running;
    const ready = raw.ready();
    checker.beforeWrite(ready.entries, raw.unsafeRaft.log);
    for (const state of ready.readStates) reads.answered(this.id, state);
    if (ready.snapshot !== undefined) this.#supersede(ready.snapshot);
    return ready;
  }

  send(message: Message): void {
    this.#world.checker.sent(message);
    this.#world.send(message);
  }

  /**
   * Whether these committed entries may be applied now. If the options of the run say so, a
   * membership change waits until the commit index that covers it is durable.
   */
  mayApply(entries: readonly Entry[]): boolean {
    if (!this.#world.options.changesWaitForDurableCommit) return true;
    const { commit } = this.disk.durable.initialState().hardState;
    return entries.every(({ type, index }) => type === EntryType.Normal || index <= commit);
  }

  apply(entries: readonly Entry[]): void {
    const { application } = this;
    const { checker, counters } = this.#world;
    for (const entry of entries) {
      const { index } = entry;
      const change = changeOf(entry);
      if (change !== undefined) this.#lookForSnapshot();
      if (index <= Math.max(application.applied, application.supersededTo)) {
        counters.add('applicationsSuperseded');
        continue;
      }
      const { applied } = application;
      const text = (): string => `node ${this.id} is given ${index} after ${applied}`;
      demand(index === applied + 1, 'entries are applied in order', text);
      checker.applied(this, entry);
      application.apply(entry);
      checker.ledger.noteDigest(this.id, index, application.digest);
      if (change !== undefined) this.#applyChange(change);
    }
    const { snapshotEvery } = this.#world.options;
    const snapshotIndex = snapshotIn(this.disk.visible)?.metadata.index ?? 0;
    if (application.applied - snapshotIndex >= snapshotEvery) this.takeSnapshot();
  }

  /** Restores the application from a received snapshot, which was written. */
  install(snapshot: Snapshot): void {
    const { application } = this;
    const { checker, counters } = this.#world;
    application.restore(snapshot);
    checker.ledger.noteDigest(this.id, application.applied, application.digest);
    counters.add('snapshotsInstalled');
  }

  /** Takes a snapshot of the application and compacts the log up to it, as far as it is durable. */
  takeSnapshot(): void {
    const { application, disk } = this;
    const { visible, durable } = disk;
    const index = application.applied;
    const current = snapshotIn(visible)?.metadata.index ?? 0;
    if (index <= current || application.supersededTo > index) return;
    disk.sync();
    const { commit } = durable.initialState().hardState;
    if (index > commit || index > durable.lastIndex()) return;
    const { options, random, counters } = this.#world;
    // The core reads entries that it does not know to be applied, so they must stay in the log.
    const knownApplied = this.running.basicStatus().applied;
    const compactTo = Math.min(index - random.between(0, options.keptBehindSnapshot), knownApplied);
    const { confState } = application;
    disk.write({
      entries: [],
      created: { index, confState, data: application.encode(), compactTo },
    });
    counters.add('snapshotsTaken');
  }

  #applyChange(change: ConfChange | ConfChangeV2): void {
    const { counters } = this.#world;
    const before = this.application.confState;
    const after = this.running.applyConfChange(change);
    this.application.confState = after;
    if (before.votersOutgoing.length === 0 && after.votersOutgoing.length > 0) {
      counters.add('jointEntered');
    } else if (before.votersOutgoing.length > 0 && after.votersOutgoing.length === 0) {
      counters.add('jointLeft');
    }
  }

  /**
   * Looks for a snapshot that has arrived since the last Ready. The core already has its
   * membership.
   */
  #lookForSnapshot(): void {
    const { snapshot } = this.running.peekReady();
    if (snapshot !== undefined) this.#supersede(snapshot);
  }

  #supersede({ metadata }: Snapshot): void {
    this.application.supersededTo = metadata.index;
  }

  #foundIfNew(): void {
    const { options } = this.#world;
    if (options.founding !== 'bootstrap' || !options.voters.includes(this.id)) return;
    const { hardState } = this.seen;
    if (this.disk.visible.lastIndex() > 0 || hardState.term > 0) return;
    this.running.bootstrap(options.voters.map((id) => ({ id })));
  }

  #planTick(): void {
    const { options, random, isCalm } = this.#world;
    const rate = isCalm ? 1 : (options.clockRates[Number(this.id) - 1] ?? 1);
    const delay = (options.tickMs * (0.9 + 0.2 * random.next())) / rate;
    this.later(delay, 'ticks', (raw) => {
      this.#planTick();
      raw.tick();
    });
  }
}

function changeOf({ type, data }: Entry): ConfChange | ConfChangeV2 | undefined {
  if (type === EntryType.Normal) return undefined;
  if (type === EntryType.ConfChange) return decodeConfChange(data ?? noBytes);
  return decodeConfChangeV2(data ?? noBytes);
}
