/**
 * The commands of `quorum/testdata`: the arithmetic of majorities. Source: etcd-io/raft
 * `quorum/datadriven_test.go`.
 */

import { idSetOf, union, type IdSet } from '../../src/ids.ts';
import { jointVote, majorityIndex, majorityVote, VoteResult } from '../../src/tracker/quorum.ts';
import { asId, asIds, option } from './arguments.ts';
import type { Directive } from './grammar.ts';

interface Voters {
  readonly incoming: IdSet;
  /** The outgoing voters; absent in a test of one majority. */
  readonly outgoing: IdSet | undefined;
}

export function runQuorumDirective(directive: Directive): string {
  const incomingIds = asIds(option(directive, 'cfg')?.values ?? []);
  const second = option(directive, 'cfgj');
  const outgoingIds = asIds((second?.values ?? []).filter((value) => value !== 'zero'));
  const voters: Voters = {
    incoming: idSetOf(incomingIds),
    outgoing: second === undefined ? undefined : idSetOf(outgoingIds),
  };
  // The values belong to the voters in the order of their first mention.
  const order = [...new Set([...incomingIds, ...outgoingIds])];
  if (directive.command === 'committed') return committed(voters, order, directive);
  if (directive.command === 'vote') return vote(voters, order, directive);
  return 'unknown command';
}

function committed(voters: Voters, order: readonly bigint[], directive: Directive): string {
  const values = valuesOf(directive, 'idx');
  const indexes = values.map((value) => (value === '_' ? 0 : Number(asId(value))));
  const mismatch = mismatchOf(order, indexes);
  if (mismatch !== undefined) return mismatch;
  const known = new Map<bigint, number>();
  for (const [at, id] of order.entries()) {
    const index = indexes[at] ?? 0;
    if (index > 0) known.set(id, index);
  }
  const index = committedIndex(voters, known);
  checkOtherWays(voters, known, index);
  return `${describeIndexes(order, known)}${index === Infinity ? '∞' : index}\n`;
}

function committedIndex(
  { incoming, outgoing = [] }: Voters,
  known: ReadonlyMap<bigint, number>,
): number {
  const of = (half: IdSet): number => majorityIndex(half.map((id) => known.get(id) ?? 0));
  return Math.min(of(incoming), of(outgoing));
}

/** Checks that equal questions have the same answer. */
function checkOtherWays(voters: Voters, known: ReadonlyMap<bigint, number>, index: number): void {
  const { incoming, outgoing } = voters;
  const others: [string, number][] =
    outgoing === undefined
      ? [
          ['counting', indexByCounting(incoming, known)],
          ['joint with nobody', committedIndex({ incoming, outgoing: [] }, known)],
          ['joint with itself', committedIndex({ incoming, outgoing: incoming }, known)],
        ]
      : [['swapped', committedIndex({ incoming: outgoing, outgoing: incoming }, known)]];
  for (const lower of [0, 1]) {
    // A voter below the result may as well have acknowledged nothing.
    const lowered = new Map(known);
    for (const [id, value] of known) if (value < index) lowered.set(id, Math.min(value, lower));
    others.push([`lowered to ${lower}`, committedIndex(voters, lowered)]);
  }
  for (const [way, other] of others) {
    if (other !== index) throw new Error(`${other} <-- via ${way}, ${index} directly`);
  }
}

/**
 * Returns the highest index that a majority has acknowledged, by counting the voters for each
 * index.
 */
export function indexByCounting(voters: IdSet, known: ReadonlyMap<bigint, number>): number {
  if (voters.length === 0) return Infinity;
  let best = 0;
  for (const id of voters) {
    const candidate = known.get(id) ?? 0;
    const reached = voters.filter((other) => (known.get(other) ?? 0) >= candidate).length;
    if (2 * reached > voters.length) best = Math.max(best, candidate);
  }
  return best;
}

/** Draws the acknowledged indexes as etcd's tests print them. */
function describeIndexes(order: readonly bigint[], known: ReadonlyMap<bigint, number>): string {
  const count = order.length;
  if (count === 0) return '<empty majority quorum>';
  const ids = idSetOf(order);
  const indexOf = (id: bigint): number => known.get(id) ?? 0;
  const sorted = [...ids].sort((a, b) => indexOf(a) - indexOf(b));
  const bars = new Map<bigint, number>();
  for (const [at, id] of sorted.entries()) {
    const before = sorted[at - 1];
    const bar =
      before === undefined ? 0 : indexOf(id) > indexOf(before) ? at : (bars.get(before) ?? 0);
    bars.set(id, bar);
  }
  let text = `${' '.repeat(count)}    idx\n`;
  for (const id of ids) {
    const bar = bars.get(id) ?? 0;
    const picture = known.has(id)
      ? `${'x'.repeat(bar)}>${' '.repeat(count - bar)}`
      : `?${' '.repeat(count)}`;
    text += `${picture} ${String(indexOf(id)).padStart(5)}    (id=${id.toString(16)})\n`;
  }
  return text;
}

function vote(voters: Voters, order: readonly bigint[], directive: Directive): string {
  const values = valuesOf(directive, 'votes');
  const mismatch = mismatchOf(
    order,
    values.map((value) => (value === 'y' ? 2 : value === 'n' ? 1 : 0)),
  );
  if (mismatch !== undefined) return mismatch;
  const votes = new Map<bigint, boolean>();
  for (const [at, id] of order.entries()) {
    const value = values[at];
    if (value === 'y') votes.set(id, true);
    else if (value === 'n') votes.set(id, false);
    else if (value !== '_') throw new Error(`not a vote: ${value}`);
  }
  const { incoming, outgoing } = voters;
  if (outgoing === undefined) return `${resultName(majorityVote(incoming, votes))}\n`;
  const result = jointVote(incoming, outgoing, votes);
  const swapped = jointVote(outgoing, incoming, votes);
  if (swapped !== result) throw new Error(`${resultName(swapped)} <-- via swapped`);
  return `${resultName(result)}\n`;
}

/** The values of a list; `()` is empty. */
function valuesOf(directive: Directive, key: string): string[] {
  return (option(directive, key)?.values ?? []).filter((value) => value !== '');
}

function mismatchOf(order: readonly bigint[], values: readonly number[]): string | undefined {
  if (order.length === values.length) return undefined;
  const voters = union(idSetOf(order), []).map((id) => `${id}:{}`);
  return (
    `error: mismatched input (explicit or _) for voters map[${voters.join(' ')}]: ` +
    `[${values.join(' ')}]`
  );
}

function resultName(result: VoteResult): string {
  if (result === VoteResult.Won) return 'VoteWon';
  return result === VoteResult.Lost ? 'VoteLost' : 'VotePending';
}
