/**
 * Limits reports whose number other nodes control: they can make up member ids, and change their
 * problems each time. Reports about nodes that are not members leave room for reports about
 * members.
 */
import type { Clock } from '@babuza/vfs';

interface Report {
  readonly atMs: number;
  readonly isOfMember: boolean;
}

const intervalMs = 60_000;
const reportsPerInterval = 20;
const reportsOfStrangersPerInterval = 10;

export class ReportLimit {
  readonly #clock: Clock;
  /** The reports of the last minute. */
  #reports: readonly Report[] = [];
  #leftOut = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Returns how many reports were left out since the last one that was made; `undefined` when this
   * one is left out too.
   */
  take(isOfMember: boolean): number | undefined {
    const nowMs = this.#clock.monotonicMs();
    const recent = this.#reports.filter(({ atMs }) => nowMs - atMs < intervalMs);
    const ofStrangers = recent.filter((report) => !report.isOfMember).length;
    const hasRoom = isOfMember || ofStrangers < reportsOfStrangersPerInterval;
    if (recent.length >= reportsPerInterval || !hasRoom) {
      this.#leftOut += 1;
      return undefined;
    }
    this.#reports = [...recent, { atMs: nowMs, isOfMember }];
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    return leftOut;
  }
}
