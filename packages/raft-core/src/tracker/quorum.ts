/**
 * The arithmetic of majorities, and of joint majorities, as pure functions of the voters' answers.
 *
 * Source: etcd-io/raft `quorum/`; docs/raft-behaviour.md, section 8.1.
 */

/** The number of voters that form a majority of `count`. */
export function majorityOf(count: number): number {
  return Math.floor(count / 2) + 1;
}

/**
 * Returns the highest index that a majority has acknowledged, or `Infinity` without voters.
 * `acknowledged` has one index per voter, 0 for a voter without acknowledgment. It is **sorted in
 * place**, so that callers on the hot path can reuse one array.
 */
export function majorityIndex(acknowledged: number[]): number {
  const count = acknowledged.length;
  if (count === 0) return Infinity;
  sortSmall(acknowledged);
  return acknowledged[count - majorityOf(count)] ?? 0;
}

/** The result of an election. */
export const VoteResult = { Pending: 1, Lost: 2, Won: 3 } as const;
export type VoteResult = (typeof VoteResult)[keyof typeof VoteResult];

/**
 * The result of an election among `voters`. `votes` has an entry for each voter that has answered,
 * true for a granted vote. Without voters, the election is won.
 */
export function majorityVote(
  voters: readonly bigint[],
  votes: ReadonlyMap<bigint, boolean>,
): VoteResult {
  if (voters.length === 0) return VoteResult.Won;
  let yes = 0;
  let missing = 0;
  for (const id of voters) {
    const vote = votes.get(id);
    if (vote === undefined) missing += 1;
    else if (vote) yes += 1;
  }
  const needed = majorityOf(voters.length);
  if (yes >= needed) return VoteResult.Won;
  return yes + missing >= needed ? VoteResult.Pending : VoteResult.Lost;
}

/** The result of an election that both halves must win. */
export function jointVote(
  incoming: readonly bigint[],
  outgoing: readonly bigint[],
  votes: ReadonlyMap<bigint, boolean>,
): VoteResult {
  const first = majorityVote(incoming, votes);
  const second = majorityVote(outgoing, votes);
  if (first === second) return first;
  if (first === VoteResult.Lost || second === VoteResult.Lost) return VoteResult.Lost;
  return VoteResult.Pending;
}

/** Insertion sort: for a handful of voters it is faster than `Array.sort` with its comparisons. */
function sortSmall(values: number[]): void {
  for (let at = 1; at < values.length; at += 1) {
    const value = values[at] ?? 0;
    let hole = at;
    while (hole > 0 && (values[hole - 1] ?? 0) > value) {
      values[hole] = values[hole - 1] ?? 0;
      hole -= 1;
    }
    values[hole] = value;
  }
}
