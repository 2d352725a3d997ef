/**
 * Errors that are put into the core on purpose, one at a time, as a change of one place in its source; and the test
 * that is named for each. The first 22 are those of which the Raft specification, section 24, says that
 * etcd's data-driven files do not notice them.
 */

export interface Mutant {
  readonly name: string;
  /** Of `src/`. */
  readonly file: string;
  /** What the source has exactly once, and what stands there instead. */
  readonly find: string;
  readonly replace: string;
  /** The test file, without `.test.ts`, and a part of the title of a test in it that must fail. */
  readonly caughtBy: readonly [file: string, title: string];
}

export const mutants: readonly Mutant[] = [
  {
    name: 'commit by counting without the rule of the current term',
    file: 'log.ts',
    find: 'term === 0 || !this.matchTerm(index, term)) return false;',
    replace: 'term === 0 || this.term(index) === undefined) return false;',
    caughtBy: ['paper', 'section 5.4.2: only entries of the own term commit by counting'],
  },
  {
    name: "a follower's commit bounded by its own last index",
    file: 'log.ts',
    find: 'Math.min(leaderCommit, matched)',
    replace: 'Math.min(leaderCommit, this.lastIndex())',
    caughtBy: ['replication', 'the commit index is bounded by the last index of the message'],
  },
  {
    name: 'a vote although the leader of the term is known',
    file: 'election.ts',
    find: '(raft.vote === none && raft.lead === none)',
    replace: 'raft.vote === none',
    caughtBy: ['election', 'a leader known for this term keeps a follower from voting'],
  },
  {
    name: 'campaigning with unapplied changes of the membership',
    file: 'election.ts',
    find: 'if (raft.log.hasUnappliedConfChange()) {',
    replace: 'if (raft.log.committed < 0) {',
    caughtBy: ['election', 'no campaign while an entry of type'],
  },
  {
    name: 'a new leader that does not know of pending changes',
    file: 'roles.ts',
    find: 'raft.pendingConfIndex = raft.log.lastIndex();',
    replace: '',
    caughtBy: ['membership', 'a new leader takes none until it has applied everything'],
  },
  {
    name: 'leaving a joint state before the pending change is applied',
    file: 'membership.ts',
    find: 'raft.log.applied < raft.pendingConfIndex',
    replace: 'raft.log.applied < 0',
    caughtBy: ['membership', 'waits until everything up to the pending change is applied'],
  },
  {
    name: 'committed entries that are not durable here, with asynchronous writes',
    file: 'log.ts',
    find: 'return allowUnstable ? this.committed : Math.min(this.committed, this.unstable.offset - 1);',
    replace: 'return allowUnstable ? this.committed : this.committed;',
    caughtBy: ['raw-node', 'committed entries are handed out only when they are durable here'],
  },
  {
    name: 'a transfer that does not pass the lease',
    file: 'election.ts',
    find: 'if (isTransfer(request.context)) return false;',
    replace: 'isTransfer(request.context);',
    caughtBy: ['election', 'the context of a transfer passes the lease'],
  },
  {
    name: 'a transfer that asks for pre-votes',
    file: 'follower.ts',
    find: "hup(raft, 'transfer');",
    replace: "hup(raft, raft.config.preVote ? 'pre-election' : 'transfer');",
    caughtBy: ['transfer', 'the target campaigns at once and never asks for pre-votes'],
  },
  {
    name: 'proposals during a transfer',
    file: 'proposal.ts',
    find: 'if (raft.leadTransferee !== none) {',
    replace: 'if (raft.leadTransferee < none) {',
    caughtBy: ['transfer', 'proposals are refused while it runs'],
  },
  {
    name: 'a pre-candidate that resets its timers',
    file: 'roles.ts',
    find: 'raft.tracker.votes.clear();\n  raft.lead = none;',
    replace: 'reset(raft, raft.term);',
    caughtBy: ['election', 'a pre-candidate resets nothing'],
  },
  {
    name: 'a pre-vote of a lower term without an answer',
    file: 'raft.ts',
    find: 'rejectStalePreVote(this, message);',
    replace: 'logIgnoredLowerTerm(this, message);',
    caughtBy: ['election', 'a pre-vote of a lower term is answered with a rejection'],
  },
  {
    name: 'an append below the commit index that is rejected',
    file: 'follower.ts',
    find: 'response.index = log.committed;',
    replace: 'response.index = index;\n    response.reject = true;',
    caughtBy: ['replication', 'below the commit index it is answered with that'],
  },
  {
    name: 'the hint of a rejection used in replicate state',
    file: 'progress.ts',
    find: 'this.next = this.match + 1;\n      this.sentCommit',
    replace:
      'this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1);\n      this.sentCommit',
    caughtBy: ['progress', 'in replicate state ignores the hint'],
  },
  {
    name: 'old rejections that count in probe state',
    file: 'progress.ts',
    find: 'if (rejected !== this.next - 1) return false;',
    replace: '',
    caughtBy: ['progress', 'in probe state counts only for the append that was sent last'],
  },
  {
    name: 'an empty append that pauses in probe state',
    file: 'progress.ts',
    find: 'if (count > 0) this.msgAppFlowPaused = true;',
    replace: 'this.msgAppFlowPaused = true;',
    caughtBy: ['replication', 'probe: an empty append does not pause'],
  },
  {
    name: 'telling of commits that a peer cannot use',
    file: 'progress.ts',
    find: 'return commit > this.sentCommit && this.sentCommit < this.next - 1;',
    replace: 'return commit > this.sentCommit;',
    caughtBy: ['progress', 'can bump false'],
  },
  {
    name: 'heartbeats that do not count as telling of a commit',
    file: 'replication.ts',
    find: 'member.sentCommit = commit;',
    replace: '',
    caughtBy: ['replication', 'count as having told it'],
  },
  {
    name: 'a move to probe that does not cut what was told',
    file: 'progress.ts',
    find: 'this.sentCommit = Math.min(this.sentCommit, next - 1);',
    replace: '',
    caughtBy: ['progress', 'from state'],
  },
  {
    name: 'a snapshot to a peer that is not active',
    file: 'replication.ts',
    find: 'if (!member.recentActive) {',
    replace: 'if (member.match < 0) {',
    caughtBy: ['snapshot', 'none to a peer that is not recently active'],
  },
  {
    name: 'no limit of uncommitted entries',
    file: 'proposal.ts',
    find: 'raft.uncommittedBytes > 0 && bytes > 0 && sum >',
    replace: 'raft.uncommittedBytes < 0 && bytes > 0 && sum >',
    caughtBy: ['replication', '1024 entries fit, the next does not'],
  },
  {
    name: 'a single voter that waits for a commit before it answers reads',
    file: 'reads.ts',
    find: 'if (raft.tracker.isOnlyVoter(raft.id)) {',
    replace: 'if (raft.tracker.isOnlyVoter(raft.id) && hasCommittedInTerm(raft)) {',
    caughtBy: ['reads', 'a single voter answers at once'],
  },
  // More of the same kind.
  {
    name: 'a read answered before the first commit of the term',
    file: 'reads.ts',
    find: 'if (!hasCommittedInTerm(raft)) {\n    raft.pendingReads',
    replace: 'if (raft.term < 0) {\n    raft.pendingReads',
    caughtBy: ['reads', 'a new leader answers after its first commit of the term'],
  },
  {
    name: 'a stale read: every answer to a heartbeat confirms the newest request',
    file: 'reads.ts',
    find: 'raft.readOnly.positionOf(context)',
    replace: 'raft.readOnly.newest + context.length * 0',
    caughtBy: ['reads', 'a request that is repeated with the same context'],
  },
  {
    name: 'reads that outlive a leadership as if they had been confirmed in the next',
    file: 'roles.ts',
    find: 'raft.readOnly = new ReadOnlyQueue();',
    replace: 'void ReadOnlyQueue;',
    caughtBy: ['reads', 'answers of an older leadership confirm nothing'],
  },
  {
    name: 'durability by index alone, whatever the term',
    file: 'unstable.ts',
    find: 'if (known !== term) {',
    replace: 'if (known < 0) {',
    caughtBy: ['unstable', '(term 1, index 6)'],
  },
  {
    name: 'a report of an older term that counts for entries',
    file: 'storage-done.ts',
    find: 'if (message.index !== 0) {\n    raft.config',
    replace:
      'if (message.index !== 0) {\n    raft.log.unstable.stableTo(message.logTerm, message.index);\n    raft.config',
    caughtBy: ['raw-node', 'entries that are overwritten and come back'],
  },
  {
    name: 'a matching append that truncates',
    file: 'log.ts',
    find: 'if (entry === undefined || this.matchTerm(entry.index, entry.term)) continue;',
    replace: 'if (entry === undefined) continue;',
    caughtBy: ['log', 'a shorter message that matches never truncates'],
  },
  {
    name: 'heartbeats that carry the whole commit index',
    file: 'replication.ts',
    find: 'Math.min(member.match, raft.log.committed)',
    replace: 'raft.log.committed',
    caughtBy: ['replication', 'carry no more commit than is known to match'],
  },
  {
    name: 'a lease as long as the drawn timeout',
    file: 'election.ts',
    find: 'raft.electionElapsed < raft.config.electionTick',
    replace: 'raft.electionElapsed < raft.randomizedElectionTimeout',
    caughtBy: ['election', 'within the election timeout of a known leader'],
  },
  {
    name: 'a lease without the check of the quorum',
    file: 'election.ts',
    find: 'raft.config.checkQuorum && raft.lead !== none',
    replace: 'raft.lead !== none',
    caughtBy: ['election', 'needs the check of the quorum and a known leader'],
  },
  {
    name: 'a pre-vote granted with the own term',
    file: 'election.ts',
    find: 'response.term = term;',
    replace: 'response.term = Math.max(raft.term, 1);',
    caughtBy: ['election', 'ask about the next term and are answered about it'],
  },
  {
    name: 'a granted pre-vote that begins a new timeout',
    file: 'election.ts',
    find: 'if (type === MessageType.Vote) {\n      raft.electionElapsed = 0;',
    replace: 'raft.electionElapsed = 0;\n    if (type === MessageType.Vote) {',
    caughtBy: ['election', 'a granted vote begins a new election timeout'],
  },
  {
    name: 'a learner that does not vote',
    file: 'election.ts',
    find: 'const response = raft.draft(responseTypeOf(type), from);',
    replace:
      'if (raft.isLearner) return;\n  const response = raft.draft(responseTypeOf(type), from);',
    caughtBy: ['election', 'a learner votes when asked'],
  },
  {
    name: 'the hint of a follower that does not know the term there, used as if it did',
    file: 'leader.ts',
    find: 'logTerm > 0 ?',
    replace: 'logTerm >= 0 ?',
    caughtBy: ['replication', 'hint (3, 0)'],
  },
  {
    name: 'committed entries handed out while a snapshot is not durable',
    file: 'log.ts',
    find: 'if (this.#applyingPaused || this.unstable.snapshot !== undefined) return false;',
    replace: 'if (this.#applyingPaused) return false;',
    caughtBy: ['log', 'none while there is a snapshot that is not durable'],
  },
  {
    name: 'pages that begin behind what was applied, not behind what was handed out',
    file: 'log.ts',
    find: 'this.applying + 1,',
    replace: 'this.applied + 1,',
    caughtBy: ['log', 'from applying on, not from applied'],
  },
  {
    name: 'pages that go on although more could have been handed out',
    file: 'log.ts',
    find: 'index < this.#maxAppliableIndex(allowUnstable);',
    replace: 'index < 0;',
    caughtBy: ['log', 'paused also below the limit'],
  },
  {
    name: 'a campaign while a snapshot is not durable',
    file: 'raft.ts',
    find: '!own.isLearner && this.log.unstable.snapshot === undefined',
    replace: '!own.isLearner',
    caughtBy: ['election', 'whoever is not promotable does not campaign'],
  },
  {
    name: 'a new member that counts as silent',
    file: 'conf-change.ts',
    find: 'recentActive: true,',
    replace: 'recentActive: false,',
    caughtBy: ['membership', 'a new member counts as active'],
  },
  {
    name: 'a second answer that changes a vote',
    file: 'tracker.ts',
    find: 'if (!this.votes.has(id)) this.votes.set(id, granted);',
    replace: 'this.votes.set(id, granted);',
    caughtBy: ['paper', '5 voters, answers [[2,false],[2,true],[3,true]]'],
  },
  {
    name: 'half of the voters taken for a majority',
    file: 'quorum.ts',
    find: 'Math.floor(count / 2) + 1',
    replace: 'Math.ceil(count / 2)',
    caughtBy: ['quorum', 'the committed index against an independent algorithm'],
  },
  {
    name: 'commit by the incoming half alone',
    file: 'tracker.ts',
    find: 'Math.min(this.#majorityMatch(this.#incoming), this.#majorityMatch(this.#outgoing))',
    replace: 'this.#majorityMatch(this.#incoming)',
    caughtBy: ['membership', 'a joint state commits by both halves'],
  },
  {
    name: 'a term that JavaScript would round',
    file: 'message-class.ts',
    find: "if (!isIndex(term)) refuseNumber(message, 'term', term);",
    replace: '',
    caughtBy: ['hostile', 'in any field is refused before anything happens'],
  },
  {
    name: 'entries of a message that do not follow each other',
    file: 'message-class.ts',
    find: 'if (type === MessageType.App) checkOrder(message);',
    replace: '',
    caughtBy: ['hostile', 'an append with a gap'],
  },
  {
    name: 'answers of removed members that are taken',
    file: 'raw-node.ts',
    find: '!this.#raft.tracker.progress.has(message.from)',
    replace: 'message.from < 0n',
    caughtBy: ['raw-node', 'answers of a node that is no member are refused'],
  },
  {
    name: 'a leader that steps down when it is removed, though it was not told to',
    file: 'membership.ts',
    find: 'if (config.stepDownOnRemoval) becomeFollower',
    replace: 'becomeFollower',
    caughtBy: ['membership', 'steps down only if it is told to (false)'],
  },
  {
    name: 'arrays that were handed out and change',
    file: 'unstable.ts',
    find: 'return this.#entries.slice(lo - this.#offset, hi - this.#offset);',
    replace: 'return this.#entries;',
    caughtBy: ['unstable', 'never changes what was handed out'],
  },
];
