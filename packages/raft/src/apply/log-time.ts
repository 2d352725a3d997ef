/**
 * The log time, which every replica computes from the entries alone. The leader sets their
 * timestamps; see `member-clock.ts`.
 */

/**
 * The latest timestamp that moves the log time: 2^43 ms, in the year 2248. A later one is an error
 * or an attack, and has no effect on any replica. The log time never goes back, so it would stay
 * there for ever.
 */
export const logTimeMsMax: number = 2 ** 43;

/** The log time after an entry with this timestamp. */
export function logTimeAfter(timeMs: number, proposedAtMs: number): number {
  return proposedAtMs > logTimeMsMax ? timeMs : Math.max(timeMs, proposedAtMs);
}
