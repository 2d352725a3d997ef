/**
 * The loop around the Raft core. One turn handles Readys until there are no more: it gives each to
 * the log, the apply path and the network, and never waits. Responses of the log and the apply path
 * are stepped when they come. A turn begins after the event loop has read what has arrived on all
 * connections, so that all of it shares a Ready. Readys that follow each other share an fsync.
 *
 * The order matters:
 * 1. The save of a Ready is submitted before its committed entries are given to the apply path.
 * 2. A response that depends on a save is sent after the save has resolved. If it were sent
 *    earlier, a crash could lose an acknowledged entry.
 * 3. A request for votes is sent when its term is durable. A node that crashed after sending it,
 *    and has forgotten the term, would ask again in the same term with another log, and could get
 *    the same votes. etcd sends the request at once.
 * 4. An installed snapshot is restored on the apply path, before the entries behind it.
 *
 * Source: etcd-io/raft `node.go`, `run`; docs/raft-behaviour.md, sections 9, 10 and 21.
 */
import {
  MessageType,
  type ConfChangeV2,
  type ConfState,
  type Message,
  type SnapshotMetadata,
} from '@babuza/raftpb';
import {
  localAppendThread,
  localApplyThread,
  StateType,
  type Ready,
  type ReadState,
  type SoftState,
} from '@babuza/raft-core';
import type { Clock, Timer } from '@babuza/vfs';
import type { EntryStorage } from '@babuza/wal-core';
import type { CoreDriver } from './core-driver.ts';
import { isImpossibleChange } from './core-errors.ts';
import type { AppendPath } from './append-path.ts';
import type { ApplyPath } from '../apply/apply-path.ts';
import { RaftError } from '../errors.ts';
import type { LostEntries } from '../incoming/lost-entries.ts';
import type { Snapshots } from '../snapshots/snapshots.ts';
import type { Transport } from '../ports/transport.ts';

export interface LoopParts<Query, Answer> {
  readonly core: CoreDriver;
  readonly nodeId: bigint;
  readonly clock: Clock;
  readonly tickMs: number;
  readonly storage: EntryStorage;
  readonly append: AppendPath;
  readonly apply: ApplyPath<Query, Answer>;
  readonly snapshots: Snapshots<Query, Answer>;
  readonly transport: Transport;
  /** Observes each response that this node sends to a leader. */
  readonly lostEntries: Pick<LostEntries, 'answered'>;
  /**
   * Called for each tick, or once for several late ones. `passedMs` is the time since the last
   * call.
   */
  readonly onTick: (passedMs: number) => void;
  /**
   * Called before a turn takes its first Ready: the last moment to give the core input for this
   * turn.
   */
  readonly beforeTurn: () => void;
  readonly onRole: (state: SoftState) => void;
  readonly onReads: (reads: readonly ReadState[]) => void;
  readonly onInstalled: (metadata: SnapshotMetadata) => void;
  /** The core cannot go on. */
  readonly onFailure: (error: unknown) => void;
}

/** After a pause of the process at most this many ticks are made up for. */
const ticksCaughtUpMax = 2;

export class Loop<Query, Answer> {
  readonly #parts: LoopParts<Query, Answer>;
  #scheduled = false;
  #stopped = false;
  #timer: Timer | undefined;
  #tickedMs: number;
  /**
   * The index of the last installed snapshot. Membership changes up to it are part of that
   * snapshot.
   */
  #installedIndex = 0;

  constructor(parts: LoopParts<Query, Answer>) {
    this.#parts = parts;
    this.#tickedMs = parts.clock.monotonicMs();
  }

  start(): void {
    this.#startTick();
    this.wake();
  }

  /** How long ago the last tick was due, in ms. */
  get sinceTickMs(): number {
    return this.#parts.clock.monotonicMs() - this.#tickedMs;
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /**
   * Steps a message from another member. A message that the core refuses is dropped, as if it had
   * been lost.
   */
  receive(message: Message): void {
    if (!isLocalOnly(message)) this.#parts.core.tryRun((node) => node.step(message));
  }

  /**
   * Applies a membership change to the core, unless a snapshot that the core has taken already
   * contains it. Returns an error when no core can make this change. The core reports that before
   * it changes anything. All replicas have the same configuration at an index, so each of them
   * decides alike.
   */
  applyToCore(change: ConfChangeV2, index: number): ConfState | RaftError | undefined {
    // The core uses the membership of a snapshot from the step that installs it, which is before
    // the turn that saves the snapshot.
    const { snapshot } = this.#parts.core.node.peekReady();
    const coveredIndex = snapshot?.metadata.index ?? this.#installedIndex;
    if (index <= coveredIndex) return undefined;
    try {
      return this.#parts.core.node.applyConfChange(change);
    } catch (error) {
      if (!isImpossibleChange(error)) {
        this.#parts.onFailure(error);
        throw error;
      }
      const what = `the change of the membership at index ${index} cannot be made: ${error.message}`;
      return new RaftError('RAFT_CONF_CHANGE_REFUSED', what, error);
    } finally {
      this.wake();
    }
  }

  /** Whether the core has installed a received snapshot; also true when the loop has stopped. */
  takesOver({ index }: SnapshotMetadata): boolean {
    if (this.#stopped) return true;
    const { snapshot } = this.#parts.core.node.peekReady();
    return snapshot?.metadata.index === index || this.#installedIndex === index;
  }

  wake(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    // The turn begins after the event loop has read everything that has arrived.
    void this.#parts.clock.sleep(0).then(() => this.#turn());
  }

  #turn(): void {
    if (this.#stopped) return;
    const { core, beforeTurn, onFailure } = this.#parts;
    const { node } = core;
    try {
      beforeTurn();
      this.#scheduled = false;
      while (!this.#stopped && node.hasReady()) this.#handle(node.ready());
    } catch (error) {
      onFailure(error);
    }
  }

  #handle(ready: Ready): void {
    const { append, apply, snapshots, transport, onRole, onReads } = this.#parts;
    if (ready.softState !== undefined) onRole(ready.softState);
    const outgoing: Message[] = [];
    const voteRequests: Message[] = [];
    for (const message of ready.messages) {
      if (message.to === localAppendThread) this.#append(message, append);
      else if (message.to === localApplyThread) {
        const deliver = (): void => this.#deliver(message.responses);
        apply.apply(message.entries, deliver);
      } else if (message.type === MessageType.Snap) {
        void snapshots.send(message, (sent) => {
          this.#parts.core.tryRun((node) =>
            node.reportSnapshot(message.to, sent ? 'finish' : 'failure'),
          );
        });
      } else if (message.type === MessageType.Vote) voteRequests.push(message);
      else outgoing.push(message);
    }
    if (outgoing.length > 0) transport.send(outgoing);
    if (voteRequests.length > 0) append.submit({}, () => this.#askForVotes(voteRequests));
    if (ready.readStates.length > 0) onReads(ready.readStates);
  }

  /**
   * The save may have taken so long that the campaign has ended. Its requests are then not sent.
   */
  #askForVotes(requests: readonly Message[]): void {
    const { core, transport } = this.#parts;
    const { raftState, term } = core.node.basicStatus();
    if (raftState !== StateType.Candidate) return;
    transport.send(requests.filter((request) => request.term === term));
  }

  #append(message: Message, append: AppendPath): void {
    const { entries, snapshot, term, vote, commit, responses } = message;
    // The core sends zeros in all three fields when the hard state has not changed.
    const hardState =
      term === 0 && vote === 0n && commit === 0 ? undefined : { term, vote, commit };
    if (snapshot !== undefined) {
      this.#installedIndex = snapshot.metadata.index;
      this.#parts.snapshots.installing(snapshot.metadata);
    }
    append.submit({ hardState, entries, snapshot: snapshot?.metadata }, () => {
      if (snapshot !== undefined) this.#installed(snapshot);
      this.#deliver(responses);
    });
  }

  /** The snapshot record is durable, and the log begins behind it. */
  #installed(snapshot: NonNullable<Message['snapshot']>): void {
    const { storage, apply, snapshots, onInstalled } = this.#parts;
    storage.applySnapshot(snapshot);
    const restore = snapshots.restoring(snapshot);
    apply.run(async () => {
      await restore();
      onInstalled(snapshot.metadata);
    });
  }

  /** Delivers responses whose save, or whose entries, are durable or applied. */
  #deliver(responses: readonly Message[]): void {
    if (this.#stopped) return;
    const outgoing: Message[] = [];
    for (const response of responses) {
      if (response.to === this.#parts.nodeId)
        this.#parts.core.tryRun((node) => node.step(response));
      else {
        this.#parts.lostEntries.answered(response);
        outgoing.push(response);
      }
    }
    if (outgoing.length > 0) this.#parts.transport.send(outgoing);
  }

  #startTick(): void {
    const { clock, tickMs } = this.#parts;
    const dueMs = this.#tickedMs + tickMs;
    const onTick = (): void => {
      const isLate = this.sinceTickMs >= 2 * tickMs;
      // After a stall the messages that have arrived meanwhile are read first: one may be from the
      // leader.
      if (isLate) void clock.sleep(0).then(() => this.#tick());
      else this.#tick();
    };
    // A running node keeps its process alive, as a server does.
    const keepsAlive = true;
    this.#timer = clock.startTimer(Math.max(0, dueMs - clock.monotonicMs()), onTick, keepsAlive);
  }

  #tick(): void {
    if (this.#stopped) return;
    const { tickMs, onTick } = this.#parts;
    const passed = Math.floor(this.sinceTickMs / tickMs);
    this.#tickedMs += passed * tickMs;
    // Called before the core ticks. After a stall the guard must decide first whether this node may
    // still act as leader.
    if (passed > 0) onTick(passed * tickMs);
    for (let tick = 0; tick < Math.min(passed, ticksCaughtUpMax); tick += 1) {
      this.#parts.core.tryRun((node) => node.tick());
    }
    this.#startTick();
  }
}

/** Whether only the node itself may give this message to its core. */
function isLocalOnly({ type, from }: Message): boolean {
  return (
    from === localAppendThread ||
    from === localApplyThread ||
    type === MessageType.Hup ||
    type === MessageType.Beat ||
    type === MessageType.Unreachable ||
    type === MessageType.SnapStatus ||
    type === MessageType.CheckQuorum
  );
}

/** Whether this is the state of a leader. */
export function leads(state: SoftState): boolean {
  return state.raftState === StateType.Leader;
}
