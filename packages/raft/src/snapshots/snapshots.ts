/**
 * The snapshots of a running node: made from the applied state, sent to members that are too far
 * behind, and received from others. The order of the steps makes them safe:
 *
 * 1. the files are durable (snapshot manager),
 * 2. the snapshot record is in the log,
 * 3. the storage shows the snapshot, so that the core can send it,
 * 4. older snapshots are removed, and the log below them.
 *
 * A crash between 1 and 2 leaves files without a record. They do not count as a snapshot: the next
 * snapshot of the same index takes them over, and a later one removes them.
 *
 * With 2 before 1, a crash could leave a record without files. With 4 before 2, it could leave a
 * log that begins behind a snapshot that it does not know. The log is never purged past the oldest
 * snapshot that is kept, so a fallback to that one always finds its log; nor past one that is being
 * sent.
 *
 * Decisions: docs/decisions/0024-snapshots-before-their-records.md.
 */
import type { Message, Snapshot, SnapshotMetadata } from '@babuza/raftpb';
import type { Clock } from '@babuza/vfs';
import type { ApplyPath } from '../apply/apply-path.ts';
import { BusyError, RaftError, StoppedError } from '../errors.ts';
import type { RaftEvent } from '../events.ts';
import { PassingShortages } from '../support/passing-shortages.ts';
import type { OpenSnapshot } from '../ports/snapshot-manager.ts';
import type { SnapshotWriter, StateMachine } from '../ports/state-machine.ts';
import type { Transport } from '../ports/transport.ts';
import type { ReplicatedState } from '../apply/replicated-state.ts';
import {
  RecordedSnapshots,
  type RecordedSnapshotParts,
  type SnapshotPlace,
} from './recorded-snapshots.ts';
import { SnapshotPauses } from './snapshot-pauses.ts';
import { SnapshotSending } from './snapshot-sending.ts';
import { hasState, readNodePart, stateReader, writeSnapshotFiles } from './snapshot-files.ts';
import type { Waiter } from '../proposals/waiters.ts';

export interface SnapshotParts<Query, Answer> extends Omit<
  RecordedSnapshotParts,
  'signal' | 'sending'
> {
  readonly apply: ApplyPath<Query, Answer>;
  readonly state: ReplicatedState;
  readonly stateMachine: StateMachine<Query, Answer>;
  /** A state on disk has at least this index, whatever the node has applied since it started. */
  readonly machineAppliedIndex: number;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly tell: (event: RaftEvent) => void;
  /** Throws when the node's part of a snapshot belongs to another cluster. */
  readonly checkIdentity: (nodePart: Uint8Array) => void;
  /**
   * The index up to which a member's log is known to match this leader's; see
   * `SnapshotPausesParts`.
   */
  readonly matchOf: (member: bigint) => number;
}

export class Snapshots<Query, Answer> {
  readonly #parts: SnapshotParts<Query, Answer>;
  readonly #stopping = new AbortController();
  /** Callers that wait for the snapshot that is being made. */
  #waiters: Waiter<SnapshotPlace>[] = [];
  /**
   * Callers that came when the content of that snapshot was fixed already; they wait for the next
   * one.
   */
  #nextWaiters: Waiter<SnapshotPlace>[] = [];
  #isFixed = false;
  #taking = false;
  /** Set when callers wait for a snapshot that is being installed instead of a new one. */
  #awaitsInstall = false;
  /** After a failed automatic snapshot, the next one is not tried before this index is applied. */
  #nextIndex = 0;
  readonly #recorded: RecordedSnapshots;
  readonly #sending: SnapshotSending;
  readonly #pauses: SnapshotPauses;
  readonly #shortages: PassingShortages;
  /**
   * Settles when the state machine has finished writing a snapshot, even if the manager has given
   * that snapshot up.
   */
  #saving: Promise<unknown> = Promise.resolve();

  constructor(parts: SnapshotParts<Query, Answer>) {
    this.#parts = parts;
    const { manager, transport, logger, tell, config } = parts;
    const { signal } = this.#stopping;
    const take = (waiter: Waiter<SnapshotPlace>): void => this.take(waiter);
    const electionTimeoutMs = config.tickMs * config.electionTicks;
    this.#pauses = new SnapshotPauses({ ...parts, electionTimeoutMs });
    const pauses = this.#pauses;
    this.#shortages = new PassingShortages(parts);
    this.#sending = new SnapshotSending({ manager, transport, logger, tell, signal, take, pauses });
    this.#recorded = new RecordedSnapshots({ ...parts, signal, sending: this.#sending });
  }

  /** Makes a snapshot when enough was applied since the last one. */
  maybeTake(): void {
    const { config, state, machineAppliedIndex } = this.#parts;
    const { appliedIndex } = state;
    if (appliedIndex < machineAppliedIndex) return;
    if (this.#taking || appliedIndex - this.#recorded.newestIndex < config.snapshotEntries) return;
    if (appliedIndex < this.#nextIndex) return;
    this.take({
      resolve: () => undefined,
      reject: (error) => {
        // While a disk is full, the snapshot must not be tried again with every entry.
        this.#nextIndex = appliedIndex + Math.ceil(config.snapshotEntries / 10);
        this.#parts.logger?.warn('an automatic snapshot failed', { error });
      },
    });
  }

  /**
   * Makes a snapshot of the applied state. When nothing was applied since the newest one, the
   * waiter gets that one.
   */
  take(waiter: Waiter<SnapshotPlace>): void {
    if (this.#stopping.signal.aborted) {
      // The apply path takes no task any more.
      waiter.reject(new StoppedError());
      return;
    }
    (this.#isFixed ? this.#nextWaiters : this.#waiters).push(waiter);
    if (this.#taking) return;
    this.#taking = true;
    this.#parts.apply.run(() => this.#takeBetweenEntries());
  }

  /**
   * Returns the task that restores a snapshot whose record is in the log. It must run before any
   * entry behind the snapshot is applied. The snapshot is opened now, because so many newer ones
   * may be made until the task runs that this one would be removed.
   */
  restoring({ metadata }: Snapshot): () => Promise<void> {
    const opening = this.#open(metadata, 'restoring a snapshot', this.#stopping.signal);
    // The task reports a failure to open it.
    opening.catch(() => undefined);
    return () => this.#restore(metadata, opening);
  }

  /**
   * Restores the state machine first: as soon as the index counts as applied, reads are answered.
   */
  async #restore(metadata: SnapshotMetadata, opening: Promise<OpenSnapshot>): Promise<void> {
    const { state, stateMachine } = this.#parts;
    await using open = await opening;
    const nodePart = await readNodePart(open);
    if (hasState(open))
      await stateMachine.restoreSnapshot(stateReader(open), this.#stopping.signal);
    state.restore(nodePart, metadata);
    this.#recorded.installed(metadata);
    await this.#recorded.tidy();
    if (!this.#awaitsInstall) return;
    this.#awaitsInstall = false;
    await this.#takeBetweenEntries();
  }

  /** Sends the snapshot that the core asks for. Calls `report` once, whatever the outcome. */
  send(message: Message, report: (sent: boolean) => void): Promise<void> {
    return this.#sending.send(message, report);
  }

  /** A message to this member could not be sent. */
  unreachable(member: bigint): void {
    this.#pauses.unreachable(member);
  }

  /**
   * Makes the files of a received snapshot durable. Its message may be stepped when this resolves.
   */
  async receive(
    message: Message,
    stream: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    const { metadata, data } = message.snapshot ?? {};
    if (metadata === undefined || data === undefined) {
      throw new RaftError('RAFT_STATE_UNREADABLE', 'a snapshot message has no manifest');
    }
    const either = AbortSignal.any([signal, this.#stopping.signal]);
    const { manager } = this.#parts;
    await manager.receive(metadata, data, stream, either);
    await this.#checkIdentity(metadata, either);
  }

  /**
   * Checks a received snapshot before its record is in the log: a snapshot of another cluster must
   * not be installed.
   */
  async #checkIdentity(metadata: SnapshotMetadata, signal: AbortSignal): Promise<void> {
    const { checkIdentity } = this.#parts;
    try {
      await using open = await this.#open(metadata, 'checking a received snapshot', signal);
      checkIdentity(await readNodePart(open));
    } catch (error) {
      // When the signal has ended the check, the snapshot may be fine: the next attempt finds it
      // here.
      const wasEnded = signal.aborted && error === signal.reason;
      if (!wasEnded) await this.discard(metadata);
      throw error;
    }
  }

  /**
   * Removes the files of a received snapshot that was not installed, unless the log relies on them.
   * If that fails, a later snapshot removes them.
   */
  async discard(metadata: SnapshotMetadata): Promise<void> {
    if (this.#recorded.has(metadata)) return;
    const { manager } = this.#parts;
    await manager.remove(metadata, { evenNewest: true }).catch(() => undefined);
  }

  /** Called when the record of a received snapshot is submitted to the log. */
  installing(metadata: SnapshotMetadata): void {
    this.#recorded.installing(metadata);
  }

  newest(): SnapshotPlace | undefined {
    return this.#recorded.newest();
  }

  /**
   * Opens a snapshot for reading and keeps it until it is closed. Waits for a shortage of the
   * system to pass, until the signal fires or the node stops.
   */
  open(place: SnapshotPlace, signal?: AbortSignal): Promise<OpenSnapshot> {
    const stopping = this.#stopping.signal;
    const either = signal === undefined ? stopping : AbortSignal.any([signal, stopping]);
    return this.#open(place, 'reading a snapshot', either);
  }

  async #open(place: SnapshotPlace, task: string, signal: AbortSignal): Promise<OpenSnapshot> {
    const { manager } = this.#parts;
    const open = await this.#shortages.outlast(task, signal, () => manager.read(place));
    return this.#shortages.steady(open, task, signal);
  }

  stop(): void {
    this.#stopping.abort(new StoppedError());
    this.#pauses.stop();
    this.#settle((waiter) => waiter.reject(new StoppedError()));
  }

  /** Resolves when the state machine is not writing a snapshot any more. */
  async saved(): Promise<void> {
    await this.#saving;
  }

  async #takeBetweenEntries(): Promise<void> {
    const { state, stateMachine, machineAppliedIndex } = this.#parts;
    const { appliedIndex: index, appliedTerm: term, confState } = state;
    const newest = this.#recorded.newest();
    if (newest !== undefined && newest.index >= index) {
      this.#settle(({ resolve }) => resolve(newest));
      return;
    }
    if (index < this.#recorded.newestIndex) {
      // A received snapshot is about to replace this state, and will be the result. The core
      // already has that snapshot's members and skips the changes before it, so `confState` does
      // not fit this index any more. A snapshot with it would count in a wrong quorum after a
      // crash.
      this.#awaitsInstall = true;
      return;
    }
    if (confState === undefined) {
      this.#failed(new RaftError('RAFT_BUSY', 'there is nothing to make a snapshot of yet'));
      return;
    }
    if (index < machineAppliedIndex) {
      // The snapshot would hold the state of a later index, and a node that restored it would apply
      // entries twice.
      const behind = `the node has applied ${index}, the state machine ${machineAppliedIndex}`;
      this.#failed(
        new BusyError(`a snapshot cannot be made before the node has caught up: ${behind}`),
      );
      return;
    }
    // Everything that belongs to this index is captured now, because the state machine may change
    // from here on.
    this.#isFixed = true;
    const metadata = { confState, index, term };
    const nodePart = state.encode();
    const { signal } = this.#stopping;
    if (stateMachine.kind === 'memory') {
      await this.#write(metadata, nodePart, (writer) => stateMachine.saveSnapshot(writer, signal));
      return;
    }
    let prepared: unknown;
    try {
      prepared = await stateMachine.prepareSnapshot();
    } catch (error) {
      this.#failed(error);
      return;
    }
    void this.#write(metadata, nodePart, (writer) =>
      stateMachine.saveSnapshot(prepared, writer, signal),
    );
  }

  /** Never rejects: a failed snapshot costs nothing but space in the log. */
  async #write(
    metadata: SnapshotMetadata,
    nodePart: Uint8Array,
    save: (writer: SnapshotWriter) => Promise<void>,
  ): Promise<void> {
    const { manager, clock, tell } = this.#parts;
    const startedMs = clock.monotonicMs();
    try {
      const stored = await manager.create(
        metadata,
        (files) =>
          writeSnapshotFiles(files, nodePart, (writer) => {
            const saving = save(writer);
            this.#saving = Promise.allSettled([saving]);
            return saving;
          }),
        this.#stopping.signal,
      );
      await this.#recorded.record(stored);
      const durationMs = clock.monotonicMs() - startedMs;
      tell({ type: 'snapshot-taken', metadata, bytes: stored.bytes, durationMs });
      this.#settle(({ resolve }) => resolve({ index: metadata.index, term: metadata.term }));
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    const failure = error instanceof Error ? error : new Error(String(error));
    if (!this.#stopping.signal.aborted)
      this.#parts.tell({ type: 'snapshot-failed', error: failure });
    this.#settle(({ reject }) => reject(failure));
  }

  #settle(settle: (waiter: Waiter<SnapshotPlace>) => void): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    this.#taking = false;
    this.#isFixed = false;
    for (const waiter of waiters) settle(waiter);
    for (const waiter of this.#nextWaiters.splice(0)) this.take(waiter);
    // So many entries may have been applied meanwhile that the next snapshot is due, and nothing
    // else would start it.
    if (!this.#stopping.signal.aborted) this.maybeTake();
  }
}
