/**
 * The planted errors that the simulation must find within a few seeds: those of `list.ts` that
 * break the invariants that it checks, and some more. Errors of flow control, texts and checks of
 * hostile messages are left to the tests that `list.ts` names.
 */

import { mutants, type Mutant } from './list.ts';

/** The number of seeds; half of them have asynchronous storage writes. */
export const mutantSeeds = 60;

const found: Mutant['caughtBy'] = ['simulation', 'keeps the invariants of Raft with every seed'];

const known = [
  'a leader commits entries of earlier terms by counting',
  'a node campaigns with unapplied membership changes',
  'a new leader ignores pending membership changes',
  'entries that are not durable are handed out with asynchronous writes',
  'a read is answered before the first commit of the term',
  'a matching append truncates the log',
  'heartbeats carry the whole commit index',
  'committed entries are handed out while a snapshot is not durable',
  'a node campaigns while a snapshot is not durable',
  'half of the voters count as a majority',
  'a joint membership commits by the incoming half alone',
  'arrays that were handed out change',
];

export const simulationMutants: readonly Mutant[] = [
  ...mutants
    .filter(({ name }) => known.includes(name))
    .map((mutant) => ({ ...mutant, caughtBy: found })),
  {
    name: 'an acknowledgment is sent before its entries are durable',
    file: 'messages/outbox.ts',
    find: 'type === MessageType.AppResp ||\n    type === MessageType.VoteResp ||',
    replace:
      '(type === MessageType.AppResp && draft.to === raft.id) ||\n    type === MessageType.VoteResp ||',
    caughtBy: found,
  },
  {
    name: 'a vote is sent before it is durable',
    file: 'messages/outbox.ts',
    find: 'type === MessageType.VoteResp ||\n    type === MessageType.PreVoteResp\n',
    replace:
      '(type === MessageType.VoteResp && draft.to === raft.id) ||\n    type === MessageType.PreVoteResp\n',
    caughtBy: found,
  },
  {
    name: 'a restarted node forgets its vote',
    file: 'start.ts',
    find: 'raft.vote = vote;',
    replace: '',
    caughtBy: found,
  },
  {
    name: 'a vote does not need a sync',
    file: 'ready.ts',
    find: 'entryCount > 0 || next.vote !== previous.vote || next.term !== previous.term',
    replace: 'entryCount > 0',
    caughtBy: found,
  },
  {
    name: 'a node votes twice in a term',
    file: 'election/votes.ts',
    find: 'raft.vote === from ||\n',
    replace: 'raft.vote >= none ||\n',
    caughtBy: found,
  },
  {
    name: 'a node votes for a candidate with an older log',
    file: 'election/votes.ts',
    find: 'if (mayVote && raft.log.isUpToDate(request.index, request.logTerm)) {',
    replace: 'if (mayVote) {',
    caughtBy: found,
  },
  {
    name: 'the incoming half alone elects a leader',
    file: 'tracker/tracker.ts',
    find: 'jointVote(this.config.incoming, this.config.outgoing, this.votes)',
    replace: 'jointVote(this.config.incoming, [], this.votes)',
    caughtBy: found,
  },
  {
    name: 'a leader accepts a second membership change at a time',
    file: 'replication/proposals.ts',
    find: 'if (pendingConfIndex > log.applied) {',
    replace: 'if (pendingConfIndex < 0) {',
    caughtBy: found,
  },
  {
    name: 'entries that replace others count as handed out',
    file: 'log/unstable.ts',
    find: 'this.#offset = first;\n      this.#offsetInProgress = first;',
    replace:
      'this.#offset = first;\n      this.#offsetInProgress = Math.max(this.#offsetInProgress, first);',
    caughtBy: found,
  },
  {
    name: 'appends are accepted without a check of the previous entry',
    file: 'log/raft-log.ts',
    find: 'if (!this.matchTerm(previousIndex, previousTerm)) return undefined;',
    replace: 'if (previousIndex > this.lastIndex()) return undefined;',
    caughtBy: found,
  },
  {
    name: 'a leader counts itself before its entries are durable',
    file: 'replication/append-entries.ts',
    find: '  send(raft, acknowledgment);\n',
    replace:
      '  raft.tracker.progress.get(raft.id)?.update(acknowledgment.index);\n  send(raft, acknowledgment);\n',
    caughtBy: found,
  },
  {
    name: 'a read is answered without a quorum',
    file: 'leader/reads.ts',
    find: 'raft.readOnly.add(request, raft.log.committed);',
    replace: 'answer(raft, request, raft.log.committed);\n  if (raft.term > 0) return;',
    caughtBy: found,
  },
  {
    name: 'reports about snapshots are ignored',
    file: 'leader/member-messages.ts',
    find: 'if (member.state !== ProgressState.Snapshot) return;\n  if (failed)',
    replace: 'if (member.state >= 0) return;\n  if (failed)',
    caughtBy: found,
  },
];
