/**
 * Counts coincidences that are hard to handle correctly. A run that never had one of them does not
 * test it.
 */
export interface Coincidences {
  /** The record of a received snapshot became durable while entries were applied. */
  installedOverApply: number;
  /** A received snapshot covers a membership change that waits to be applied. */
  changeCovered: number;
  /** A node sends two snapshots at once. */
  twoSends: number;
  /**
   * A snapshot that is being sent has been superseded, and only the transfer still holds the log
   * behind it.
   */
  purgeHeld: number;
  /** A received snapshot is installed while this node makes one of its own. */
  madeWhileInstalled: number;
  /** A client waits for a proposal that a received snapshot covers. */
  proposalCovered: number;
  /** Making or receiving a snapshot met a shortage of disk space or another resource. */
  shortages: number;
  /** The stream of a snapshot failed at its sender. */
  brokenStreams: number;
  /** Two snapshots were sent at once, and the one that began last ended first. */
  overtakingSends: number;
  /** A call of a state machine failed, and the node went on or was started again. */
  machineFailures: number;
}

export type Coincidence = keyof Coincidences;

export const noCoincidences = (): Coincidences => ({
  installedOverApply: 0,
  changeCovered: 0,
  twoSends: 0,
  purgeHeld: 0,
  madeWhileInstalled: 0,
  proposalCovered: 0,
  shortages: 0,
  brokenStreams: 0,
  overtakingSends: 0,
  machineFailures: 0,
});

export function addUp(all: readonly Coincidences[]): Coincidences {
  const sum = noCoincidences();
  const names = Object.keys(sum) as Coincidence[];
  for (const one of all) for (const name of names) sum[name] += one[name];
  return sum;
}
