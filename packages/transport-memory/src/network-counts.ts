/**
 * The outcomes of all messages so far. `sent` and `duplicated` together are the sum of the other
 * counts and of the messages under way. Snapshots are not counted.
 */
export interface NetworkCounts {
  readonly sent: number;
  /** Second copies. */
  readonly duplicated: number;
  readonly delivered: number;
  /** Lost at random, by the fault `loss`. */
  readonly lost: number;
  /** The direction was cut. */
  readonly cut: number;
  /** The queue to the peer was full. */
  readonly overflowed: number;
  /**
   * The peer has no known address, or no member of the group listened there when the message was
   * sent or arrived.
   */
  readonly unreachable: number;
  /** Another member is at the address, or one of the two takes nothing from the other. */
  readonly refused: number;
}

export type NetworkOutcome = keyof NetworkCounts;
