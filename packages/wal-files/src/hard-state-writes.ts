import type { HardState } from '@babuza/raftpb';
import type { SavePlan } from '@babuza/wal-core/backend';

/**
 * The hard states of a log that is written in commit batches. A hard state that changes only the
 * commit index is not written on its own: it waits here for the next batch.
 */
export class HardStateWrites {
  #written: HardState;
  #unwritten: HardState | undefined;
  #writtenBefore: HardState;
  #unwrittenBefore: HardState | undefined;

  constructor(written: HardState) {
    this.#written = written;
    this.#writtenBefore = written;
  }

  /** The hard state that was written last. */
  get written(): HardState {
    return this.#written;
  }

  /** The newest hard state if it waits for the next write. */
  get unwritten(): HardState | undefined {
    return this.#unwritten;
  }

  /** Takes the hard states of the next commit batch. The last one of them waits to be written. */
  note(plans: readonly SavePlan[]): void {
    this.#writtenBefore = this.#written;
    this.#unwrittenBefore = this.#unwritten;
    for (const { hardState } of plans) {
      if (hardState !== undefined)
        this.#unwritten = this.isWritten(hardState) ? undefined : hardState;
    }
  }

  /** Whether the hard state equals the one that was written last. */
  isWritten(hardState: HardState): boolean {
    return same(hardState, this.#written);
  }

  /** Records that the hard state was written, or that the batch in memory contains it. */
  markWritten(hardState: HardState): void {
    this.#written = hardState;
    if (this.#unwritten !== undefined && same(this.#unwritten, hardState)) {
      this.#unwritten = undefined;
    }
  }

  /**
   * Returns to the state before the last `note`, because its batch was refused. Otherwise the next
   * write or the close would make a refused hard state durable.
   */
  undo(): void {
    this.#written = this.#writtenBefore;
    this.#unwritten = this.#unwrittenBefore;
  }
}

function same(left: HardState, right: HardState): boolean {
  return left.term === right.term && left.vote === right.vote && left.commit === right.commit;
}
