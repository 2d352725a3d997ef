/**
 * Changes of the membership: `ConfChange` changes one member, `ConfChangeV2` any number at once, by
 * joint consensus where it is needed. Every `ConfChange` is equal to a `ConfChangeV2`. Source:
 * etcd-io/raft `raftpb/raft.proto` and `raftpb/confchange.go`; joint consensus is section 4.3 of
 * the Raft thesis.
 */

/** The operation on one member, with the numbers of the wire format. */
export const ConfChangeType = {
  /** Add a voter, or promote a learner. */
  AddNode: 0,
  /** Remove a voter or learner. */
  RemoveNode: 1,
  /** Raft changes nothing. The application may use the context. */
  UpdateNode: 2,
  /** Add a learner, or demote a voter. */
  AddLearnerNode: 3,
} as const;
export type ConfChangeType = (typeof ConfChangeType)[keyof typeof ConfChangeType];

/** How joint consensus is entered and left, with the numbers of the wire format. */
export const ConfChangeTransition = {
  /** Joint consensus when more than one member changes; it is then left automatically. */
  Auto: 0,
  /** Joint consensus in any case, left automatically. */
  JointImplicit: 1,
  /** Joint consensus in any case, left by an empty `ConfChangeV2`. */
  JointExplicit: 2,
} as const;
export type ConfChangeTransition = (typeof ConfChangeTransition)[keyof typeof ConfChangeTransition];

/** A change of one member: the data of an entry of type `ConfChange`. */
export interface ConfChange {
  /** Free for the application. Raft does not read it. */
  readonly id: bigint;
  readonly type: ConfChangeType;
  readonly nodeId: bigint;
  /** Free for the application. */
  readonly context?: Uint8Array | undefined;
}

/** One operation of a `ConfChangeV2`. */
export interface ConfChangeSingle {
  readonly type: ConfChangeType;
  readonly nodeId: bigint;
}

/** A change of any number of members: the data of an entry of type `ConfChangeV2`. */
export interface ConfChangeV2 {
  readonly transition: ConfChangeTransition;
  readonly changes: readonly ConfChangeSingle[];
  /** Free for the application. */
  readonly context?: Uint8Array | undefined;
}

/** The change that leaves joint consensus: no operations, transition `Auto`. */
export const leaveJointChange: ConfChangeV2 = Object.freeze({
  transition: ConfChangeTransition.Auto,
  changes: Object.freeze([]),
});

/** Whether a change has the newer form, which lists its operations. */
export function isConfChangeV2(change: ConfChange | ConfChangeV2): change is ConfChangeV2 {
  return 'changes' in change;
}

/**
 * Converts a change to the newer form. A `ConfChange` becomes one operation with transition `Auto`.
 */
export function confChangeAsV2(change: ConfChange | ConfChangeV2): ConfChangeV2 {
  if (isConfChangeV2(change)) return change;
  const { type, nodeId, context } = change;
  const asV2 = { transition: ConfChangeTransition.Auto, changes: [{ type, nodeId }] };
  return context === undefined ? asV2 : { ...asV2, context };
}

/** Whether applying the change leaves joint consensus: no operations, and transition `Auto`. */
export function leavesJoint(change: ConfChangeV2): boolean {
  return change.transition === ConfChangeTransition.Auto && change.changes.length === 0;
}

/**
 * Whether applying the change enters joint consensus, and if so, whether it is left automatically.
 * `undefined` for a simple change.
 */
export function entersJoint(change: ConfChangeV2): { readonly autoLeave: boolean } | undefined {
  if (change.transition === ConfChangeTransition.Auto && change.changes.length <= 1) {
    return undefined;
  }
  return { autoLeave: change.transition !== ConfChangeTransition.JointExplicit };
}
