/**
 * How often things really happened at the same time that are hard to get right together. A run that
 * never had one of them shows nothing about it.
 */
export interface Coincidences {
  /** The marker of a snapshot of another member became durable while entries were applied. */
  installedOverApply: number;
  /** A snapshot of another member covers a membership change that waits to be applied. */
  changeCovered: number;
  /** A node sends two snapshots at once. */
  twoSends: number;
  /** A snapshot is being sent, is not kept any more, and only the sending holds its log. */
  purgeHeld: number;
  /** A snapshot of another member is installed while this node makes one of its own. */
  madeWhileInstalled: number;
  /** A client waits for a proposal that a snapshot of another member covers. */
  proposalCovered: number;
  /** A snapshot that was made or received met a shortage of the system. */
  shortages: number;
  /** A stream of a snapshot broke at its sender. */
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
