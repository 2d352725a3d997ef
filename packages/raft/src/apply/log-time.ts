/**
 * The time of the log: what each entry moves it to. Every replica computes it from the entries
 * alone. The leader stamps the entries, see `member-clock.ts`.
 */

/**
 * The latest time that moves the time of the log: 2^43 ms, in the year 2248. A later stamp is an
 * error or an attack, and has no effect on any replica: the time of the log never goes back, so it
 * would stay at the end for ever.
 */
export const logTimeMsMax: number = 2 ** 43;

/** The time of the log after an entry with this stamp. */
export function logTimeAfter(timeMs: number, proposedAtMs: number): number {
  return proposedAtMs > logTimeMsMax ? timeMs : Math.max(timeMs, proposedAtMs);
}
