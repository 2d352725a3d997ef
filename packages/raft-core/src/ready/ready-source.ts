/**
 * Builds the Readys of a node: it remembers what the last accepted one has told, so that the next
 * one tells only what has changed.
 *
 * Source: etcd-io/raft `rawnode.go`, `readyWithoutAccept`, `acceptReady` and `HasReady`.
 */

import type { Entry, HardState, Message } from '@babuza/raftpb';
import { panic } from '../logger.ts';
import { isEmptyHardState, mustSync, sameHardState, type Ready, type SoftState } from '../ready.ts';
import type { RaftState } from '../state/raft-state.ts';
import { traceEvent } from '../trace/trace.ts';
import {
  storageAppend,
  storageAppendDone,
  storageApply,
  storageApplyDone,
} from './storage-messages.ts';

export class ReadySource {
  readonly #raft: RaftState;
  readonly #asyncStorageWrites: boolean;
  #previousSoftState: SoftState;
  #previousHardState: HardState;
  /** The messages that `advance` steps. Always empty with asynchronous writes. */
  #stepsOnAdvance: Message[] = [];

  constructor(raft: RaftState) {
    this.#raft = raft;
    this.#asyncStorageWrites = raft.config.asyncStorageWrites;
    this.#previousSoftState = raft.softState();
    this.#previousHardState = raft.hardState();
  }

  /** Makes the next Ready tell the whole hard state if it differs from this one. */
  setPreviousHardState(hardState: HardState): void {
    this.#previousHardState = hardState;
  }

  /** Whether a Ready would have any content. */
  hasReady(): boolean {
    const { log, messages, messagesAfterAppend, readStates } = this.#raft;
    if (messages.length > 0 || messagesAfterAppend.length > 0 || readStates.length > 0) return true;
    if (log.unstable.hasNextEntries() || log.unstable.nextSnapshot() !== undefined) return true;
    if (log.hasNextCommittedEntries(!this.#asyncStorageWrites)) return true;
    return this.#changedSoftState() !== undefined || this.#changedHardState() !== undefined;
  }

  /** Returns the next Ready without accepting it. */
  peek(): Ready {
    const raft = this.#raft;
    const entries = raft.log.unstable.nextEntries();
    const snapshot = raft.log.unstable.nextSnapshot();
    const hardState = this.#changedHardState();
    const committedEntries = raft.log.nextCommittedEntries(!this.#asyncStorageWrites);
    return {
      softState: this.#changedSoftState(),
      hardState,
      readStates: raft.readStates.slice(),
      entries,
      snapshot,
      committedEntries,
      messages: this.#asyncStorageWrites
        ? this.#messagesWithWork({ hardState, entries, snapshot }, committedEntries)
        : this.#messagesToOthers(),
      mustSync: mustSync(raft.hardState(), this.#previousHardState, entries.length),
    };
  }

  /** Records that the Ready which `peek` has just returned is handed out. */
  accept(ready: Ready): void {
    const raft = this.#raft;
    if (ready.softState !== undefined) this.#previousSoftState = ready.softState;
    if (ready.hardState !== undefined) this.#previousHardState = ready.hardState;
    if (raft.readStates.length > 0) raft.readStates = [];
    if (!this.#asyncStorageWrites) this.#planAdvance(ready);
    raft.messages = [];
    raft.messagesAfterAppend = [];
    raft.log.unstable.acceptInProgress();
    raft.log.acceptApplying(ready.committedEntries, !this.#asyncStorageWrites);
    traceEvent(raft, 'Ready');
  }

  /** Returns, once, the messages to step when the work of the accepted Ready is done. */
  takeStepsOnAdvance(): readonly Message[] {
    const steps = this.#stepsOnAdvance;
    this.#stepsOnAdvance = [];
    return steps;
  }

  #changedSoftState(): SoftState | undefined {
    const { lead, state } = this.#raft;
    const previous = this.#previousSoftState;
    if (lead === previous.lead && state === previous.raftState) return undefined;
    return this.#raft.softState();
  }

  #changedHardState(): HardState | undefined {
    const hardState = this.#raft.hardState();
    if (isEmptyHardState(hardState)) return undefined;
    return sameHardState(hardState, this.#previousHardState) ? undefined : hardState;
  }

  #messagesToOthers(): Message[] {
    const { messages, messagesAfterAppend, id } = this.#raft;
    const all = messages.slice();
    for (const message of messagesAfterAppend) if (message.to !== id) all.push(message);
    return all;
  }

  #messagesWithWork(
    work: Pick<Ready, 'hardState' | 'entries' | 'snapshot'>,
    committedEntries: readonly Entry[],
  ): Message[] {
    const all = this.#raft.messages.slice();
    const append = storageAppend(this.#raft, work);
    if (append !== undefined) all.push(append);
    const apply = storageApply(this.#raft, committedEntries);
    if (apply !== undefined) all.push(apply);
    return all;
  }

  /**
   * `advance` steps the votes and acknowledgments of this node for itself first, then the report
   * that the writes are done, then the report that the entries were applied.
   */
  #planAdvance(ready: Ready): void {
    const raft = this.#raft;
    if (this.#stepsOnAdvance.length > 0) {
      panic(raft.config.logger, 'two accepted Ready structs without call to Advance');
    }
    const steps = raft.messagesAfterAppend.filter(({ to }) => to === raft.id);
    const appended = storageAppendDone(raft, ready.snapshot);
    if (appended !== undefined) steps.push(appended);
    const applied = storageApplyDone(raft, ready.committedEntries);
    if (applied !== undefined) steps.push(applied);
    this.#stepsOnAdvance = steps;
  }
}
