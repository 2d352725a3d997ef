/**
 * Snapshots of a running node: made from the applied state, sent to members that are too far
 * behind, taken from others. The order of the steps is what makes them safe:
 *
 * 1. the files are durable (snapshot manager),
 * 2. the marker is in the log,
 * 3. the storage shows the snapshot, so that the core can send it,
 * 4. older snapshots go, and the log below them.
 *
 * A crash between 1 and 2 leaves files without a marker. They do not count as a snapshot: the next
 * one of the same index takes them over, and a later one removes them.
 *
 * With 2 before 1 a crash could leave a marker without files; with 4 before 2 a log that starts
 * behind a snapshot it does not know. The log is never purged past the oldest snapshot that is
 * kept, so falling back to that one always finds its log; nor past one that is being sent.
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
  /** A state on disk is as far as this at least, whatever the node has applied since it started. */
  readonly machineAppliedIndex: number;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly tell: (event: RaftEvent) => void;
  /** Throws for the node's part of a snapshot that is not of this cluster. */
  readonly checkIdentity: (nodePart: Uint8Array) => void;
  /** What the leader knows of the log of a member: see `SnapshotPausesParts`. */
  readonly matchOf: (member: bigint) => number;
}

export class Snapshots<Query, Answer> {
  readonly #parts: SnapshotParts<Query, Answer>;
  readonly #stopping = new AbortController();
  /** Who waits for the snapshot that is being made. */
  #waiters: Waiter<SnapshotPlace>[] = [];
  /** Who came when its content was fixed already, and waits for the next one. */
  #nextWaiters: Waiter<SnapshotPlace>[] = [];
  #isFixed = false;
  #taking = false;
  /** The snapshot that was asked for is the one that is being installed. */
  #awaitsInstall = false;
  /** After one that failed the next is not tried before this was applied. */
  #nextIndex = 0;
  readonly #recorded: RecordedSnapshots;
  readonly #sending: SnapshotSending;
  readonly #pauses: SnapshotPauses;
  readonly #shortages: PassingShortages;
  /**
   * Ends with the work of the state machine on a snapshot, also where the manager has given that
   * up.
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

  /** Makes one when enough was applied since the last. */
  maybeTake(): void {
    const { config, state, machineAppliedIndex } = this.#parts;
    const { appliedIndex } = state;
    if (appliedIndex < machineAppliedIndex) return;
    if (this.#taking || appliedIndex - this.#recorded.newestIndex < config.snapshotEntries) return;
    if (appliedIndex < this.#nextIndex) return;
    this.take({
      resolve: () => undefined,
      reject: (error) => {
        // Not with every entry again, while a disk is full.
        this.#nextIndex = appliedIndex + Math.ceil(config.snapshotEntries / 10);
        this.#parts.logger?.warn('an automatic snapshot failed', { error });
      },
    });
  }

  /**
   * Makes one of what is applied now. Where nothing was applied since the newest, that one is the
   * answer.
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
   * What takes over a snapshot whose marker is in the log, to be run before anything behind it is
   * applied. The snapshot is held from now on: until its turn comes there may be so many newer ones
   * that it would go.
   */
  restoring({ metadata }: Snapshot): () => Promise<void> {
    const opening = this.#open(metadata, 'taking over a snapshot', this.#stopping.signal);
    // Who runs it learns of a failure.
    opening.catch(() => undefined);
    return () => this.#restore(metadata, opening);
  }

  /** The machine comes first: from when its index counts as applied reads are answered. */
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

  /** Sends the snapshot that the core asks for; `report` is called once, in any outcome. */
  send(message: Message, report: (sent: boolean) => void): Promise<void> {
    return this.#sending.send(message, report);
  }

  /** A message to this member could not be sent. */
  unreachable(member: bigint): void {
    this.#pauses.unreachable(member);
  }

  /** Makes the files of an incoming snapshot durable; the message may be stepped then. */
  async receive(
    message: Message,
    stream: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    const { metadata, data } = message.snapshot ?? {};
    if (metadata === undefined || data === undefined) {
      throw new RaftError('RAFT_STATE_UNREADABLE', 'a snapshot message without manifest');
    }
    const either = AbortSignal.any([signal, this.#stopping.signal]);
    const { manager } = this.#parts;
    await manager.receive(metadata, data, stream, either);
    await this.#checkIdentity(metadata, either);
  }

  /** Before its marker is in the log: a snapshot of another cluster is not taken over. */
  async #checkIdentity(metadata: SnapshotMetadata, signal: AbortSignal): Promise<void> {
    const { checkIdentity } = this.#parts;
    try {
      await using open = await this.#open(metadata, 'looking at a received snapshot', signal);
      checkIdentity(await readNodePart(open));
    } catch (error) {
      // Nothing is known of it where the signal has ended the look: the next attempt finds it here.
      const wasEnded = signal.aborted && error === signal.reason;
      if (!wasEnded) await this.discard(metadata);
      throw error;
    }
  }

  /**
   * Removes the files of a snapshot that was received and is not taken over, unless the log relies
   * on them. Where that fails they go with a later snapshot.
   */
  async discard(metadata: SnapshotMetadata): Promise<void> {
    if (this.#recorded.has(metadata)) return;
    const { manager } = this.#parts;
    await manager.remove(metadata, { evenNewest: true }).catch(() => undefined);
  }

  /** The marker of a snapshot from elsewhere is submitted to the log. */
  installing(metadata: SnapshotMetadata): void {
    this.#recorded.installing(metadata);
  }

  newest(): SnapshotPlace | undefined {
    return this.#recorded.newest();
  }

  /**
   * Opens one for reading, and keeps it until it is closed. A shortage of the system is waited for,
   * until the signal fires or the node stops.
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

  /** Resolves when the state machine does nothing for a snapshot any more. */
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
      // A snapshot of another member is about to replace this state, and it is the answer then. The
      // core has its members already and skips the changes before it, so `confState` is not that of
      // this index any more: files with it would count in a wrong quorum after a crash.
      this.#awaitsInstall = true;
      return;
    }
    if (confState === undefined) {
      this.#failed(new RaftError('RAFT_BUSY', 'there is nothing to make a snapshot of yet'));
      return;
    }
    if (index < machineAppliedIndex) {
      // It would hold the state of a later index: whoever took it over would apply entries twice.
      const behind = `the node has applied ${index}, the state machine ${machineAppliedIndex}`;
      this.#failed(new BusyError(`no snapshot before the node has caught up: ${behind}`));
      return;
    }
    // From here on the state machine may change: what belongs to this index is taken now.
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

  /** Never rejects: a snapshot that fails costs nothing but space in the log. */
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
    // So much may have been applied meanwhile that the next one is due, and nothing else will ask
    // for it.
    if (!this.#stopping.signal.aborted) this.maybeTake();
  }
}
