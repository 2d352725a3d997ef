/**
 * Reports committed entries that have no effect on any replica, because they cannot be read or
 * applied. A hostile leader can write any number of them, so they are reported at most once a
 * minute, with the number of such entries since the last report.
 */
import type { Entry } from '@babuza/raftpb';
import type { Clock } from '@babuza/vfs';
import type { RaftEvent } from '../events.ts';
import type { Logger } from '../ports/logger.ts';

export interface UnreadableEntriesParts {
  readonly clock: Clock;
  readonly logger: Logger | undefined;
  readonly tell: (event: RaftEvent) => void;
}

const toldEveryMs = 60_000;

export class UnreadableEntries {
  readonly #parts: UnreadableEntriesParts;
  #toldAtMs = -Infinity;
  /** Entries that were skipped since the last report. */
  #untold = 0;

  constructor(parts: UnreadableEntriesParts) {
    this.#parts = parts;
  }

  passedOver({ index, term }: Entry, error: Error): void {
    const { clock, logger, tell } = this.#parts;
    this.#untold += 1;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#toldAtMs < toldEveryMs) return;
    this.#toldAtMs = nowMs;
    const times = this.#untold;
    this.#untold = 0;
    logger?.error('a committed entry cannot be read or applied, and has no effect on any replica', {
      index,
      term,
      times,
      error,
    });
    tell({ type: 'entry-unreadable', index, error, times });
  }
}
