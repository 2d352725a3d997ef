/**
 * Errors that are put into the core on purpose, and that the simulation must find within a few
 * seeds: those of `list.ts` that break what it checks, and some more. What it is not made to find
 * (flow control, texts, hostile messages) is left to the tests that are named there.
 */

import { mutants, type Mutant } from './list.ts';

/** How many seeds it may take, half of them with asynchronous storage writes. */
export const mutantSeeds = 60;

const found: Mutant['caughtBy'] = ['simulation', 'keeps the invariants of Raft with every seed'];

const known = [
  'commit by counting without the rule of the current term',
  'campaigning with unapplied changes of the membership',
  'a new leader that does not know of pending changes',
  'committed entries that are not durable here, with asynchronous writes',
  'a read answered before the first commit of the term',
  'a matching append that truncates',
  'heartbeats that carry the whole commit index',
  'committed entries handed out while a snapshot is not durable',
  'a campaign while a snapshot is not durable',
  'half of the voters taken for a majority',
  'commit by the incoming half alone',
  'arrays that were handed out and change',
];

export const simulationMutants: readonly Mutant[] = [
  ...mutants
    .filter(({ name }) => known.includes(name))
    .map((mutant) => ({ ...mutant, caughtBy: found })),
  {
    name: 'an acknowledgment that leaves before it is durable',
    file: 'outbox.ts',
    find: 'type === MessageType.AppResp ||\n    type === MessageType.VoteResp ||',
    replace:
      '(type === MessageType.AppResp && draft.to === raft.id) ||\n    type === MessageType.VoteResp ||',
    caughtBy: found,
  },
  {
    name: 'a vote that leaves before it is durable',
    file: 'outbox.ts',
    find: 'type === MessageType.VoteResp ||\n    type === MessageType.PreVoteResp\n',
    replace:
      '(type === MessageType.VoteResp && draft.to === raft.id) ||\n    type === MessageType.PreVoteResp\n',
    caughtBy: found,
  },
  {
    name: 'a vote that is forgotten at a restart',
    file: 'start.ts',
    find: 'raft.vote = vote;',
    replace: '',
    caughtBy: found,
  },
  {
    name: 'a vote that need not be durable',
    file: 'ready.ts',
    find: 'entryCount > 0 || next.vote !== previous.vote || next.term !== previous.term',
    replace: 'entryCount > 0',
    caughtBy: found,
  },
  {
    name: 'two votes in a term',
    file: 'election.ts',
    find: 'raft.vote === from ||\n',
    replace: 'raft.vote >= none ||\n',
    caughtBy: found,
  },
  {
    name: 'votes for candidates whose logs are behind',
    file: 'election.ts',
    find: 'if (mayVote && raft.log.isUpToDate(request.index, request.logTerm)) {',
    replace: 'if (mayVote) {',
    caughtBy: found,
  },
  {
    name: 'elections by the incoming half alone',
    file: 'tracker.ts',
    find: 'jointVote(this.config.incoming, this.config.outgoing, this.votes)',
    replace: 'jointVote(this.config.incoming, [], this.votes)',
    caughtBy: found,
  },
  {
    name: 'two changes of the membership at a time',
    file: 'proposal.ts',
    find: 'if (pendingConfIndex > log.applied) {',
    replace: 'if (pendingConfIndex < 0) {',
    caughtBy: found,
  },
  {
    name: 'entries that replace others and count as handed out',
    file: 'unstable.ts',
    find: 'this.#offset = first;\n      this.#offsetInProgress = first;',
    replace:
      'this.#offset = first;\n      this.#offsetInProgress = Math.max(this.#offsetInProgress, first);',
    caughtBy: found,
  },
  {
    name: 'appends that are taken without looking at the entry before them',
    file: 'log.ts',
    find: 'if (!this.matchTerm(previousIndex, previousTerm)) return undefined;',
    replace: 'if (previousIndex > this.lastIndex()) return undefined;',
    caughtBy: found,
  },
  {
    name: 'a leader that counts itself before its entries are durable',
    file: 'proposal.ts',
    find: '  send(raft, acknowledgment);\n',
    replace:
      '  raft.tracker.progress.get(raft.id)?.update(acknowledgment.index);\n  send(raft, acknowledgment);\n',
    caughtBy: found,
  },
  {
    name: 'reads that no quorum has confirmed',
    file: 'reads.ts',
    find: 'raft.readOnly.add(request, raft.log.committed);',
    replace: 'answer(raft, request, raft.log.committed);\n  if (raft.term > 0) return;',
    caughtBy: found,
  },
  {
    name: 'reports about snapshots that are not heard',
    file: 'leader.ts',
    find: 'if (member.state !== ProgressState.Snapshot) return;\n  if (failed)',
    replace: 'if (member.state >= 0) return;\n  if (failed)',
    caughtBy: found,
  },
];
