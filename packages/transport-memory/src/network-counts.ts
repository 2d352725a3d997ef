/**
 * What became of the messages so far. `sent` and `duplicated` together are the sum of the others
 * and of what is still on its way. Snapshots are not among them.
 */
export interface NetworkCounts {
  readonly sent: number;
  /** Second copies. */
  readonly duplicated: number;
  readonly delivered: number;
  /** By chance, as `loss` says. */
  readonly lost: number;
  /** Where the direction was cut. */
  readonly cut: number;
  /** The queue to the peer was full. */
  readonly overflowed: number;
  /** The peer has no address, or nobody of the group was there, or not until it arrived. */
  readonly unreachable: number;
  /** Another member is at the address, or one of the two takes nothing from the other. */
  readonly refused: number;
}

export type NetworkOutcome = keyof NetworkCounts;
