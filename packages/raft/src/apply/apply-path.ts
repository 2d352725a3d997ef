/**
 * Applies everything that is committed, strictly in the order of the log: entries of the user's
 * state machine, membership changes, sessions, installed snapshots, and tasks that must see the
 * state between two entries. It is asynchronous, because the state machine may be; one task runs at
 * a time.
 *
 * Decisions: docs/decisions/0025-membership-is-replicated-state.md,
 * docs/decisions/0026-proposals-and-their-outcomes.md and
 * docs/decisions/0027-state-machines-and-sessions.md.
 */
import type { Entry } from '@babuza/raftpb';
import type { Clock } from '@babuza/vfs';
import { CommittedEntries, type EntryParts } from './committed-entries.ts';
import type { SessionCounts } from '../status.ts';

export interface ApplyParts<Query, Answer> extends EntryParts<Query, Answer> {
  readonly clock: Clock;
  /** Called when the `appliedIndex` of the state has risen. */
  readonly onProgress: () => void;
  /** Called when a task has failed. The path has ended then. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * How long tasks may run before the event loop gets a turn, in ms: a log that catches up must not
 * delay heartbeats.
 */
const turnMs = 10;

export class ApplyPath<Query, Answer> {
  readonly #parts: ApplyParts<Query, Answer>;
  readonly #entries: CommittedEntries<Query, Answer>;
  readonly #tasks: (() => Promise<void> | void)[] = [];
  #running: Promise<void> | undefined;
  #stopped = false;
  /** When the event loop last had a turn between two tasks; the start of a run counts as one. */
  #turnStartedMs = -Infinity;

  constructor(parts: ApplyParts<Query, Answer>) {
    this.#parts = parts;
    this.#entries = new CommittedEntries(parts);
  }

  get sessionCounts(): SessionCounts {
    return this.#entries.sessionCounts;
  }

  /** Applies committed entries; calls `done` when all are applied. */
  apply(entries: readonly Entry[], done: () => void): void {
    this.run(async () => {
      await this.#entries.apply(entries);
      done();
      this.#parts.onProgress();
      await this.#giveTurn();
    });
  }

  /** Runs a task between two applications. An error that it throws stops the node. */
  run(task: () => Promise<void> | void): void {
    if (this.#stopped) return;
    this.#tasks.push(task);
    this.#running ??= this.#runAll();
  }

  /** Ends the path: no further task begins. Resolves when the running one has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#tasks.length = 0;
    await this.#running;
  }

  async #giveTurn(): Promise<void> {
    const { clock } = this.#parts;
    if (clock.monotonicMs() - this.#turnStartedMs < turnMs) return;
    await clock.sleep(0);
    this.#turnStartedMs = clock.monotonicMs();
  }

  async #runAll(): Promise<void> {
    this.#turnStartedMs = this.#parts.clock.monotonicMs();
    try {
      for (let task = this.#tasks.shift(); task !== undefined; task = this.#tasks.shift()) {
        await task();
      }
    } catch (error) {
      this.#stopped = true;
      this.#parts.onFailure(error);
    } finally {
      this.#running = undefined;
    }
  }
}
