/**
 * What the live fuzz does not claim yet. Each of these is known, and switched on when it is repaired: the
 * hostile member then sends these messages, too.
 */
export const claims: {
  readonly falseCommitOfLeader: boolean;
  readonly changeThatCannotBeApplied: boolean;
} = {
  /** A message of a leader with a commit index that the log does not reach stops no node. */
  falseCommitOfLeader: false,
  /** A committed change of the membership that the core cannot apply stops no node. */
  changeThatCannotBeApplied: false,
};
