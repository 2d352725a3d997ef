import type { Mutant } from '../mutant.ts';

const claims = 'raft/test/lost-entries.test.ts';
const cluster = 'raft/test/false-commit.test.ts';
const unreadable = 'raft/test/unreadable-entries.test.ts';
const loop = 'raft/test/loop.test.ts';
const told = 'raft/test/identity/told-problems.test.ts';

/** Errors that let a member, or the entries that it has written, stop others. */
export const raftHostileMembers: readonly Mutant[] = [
  {
    name: 'a commit index above the log reaches the core',
    file: 'raft/src/incoming/plausible-incoming.ts',
    find: 'if (falseCommit !== undefined) {',
    replace: "if (falseCommit === '') {",
    caughtBy: [cluster, 'of the leader is refused and told, and the members go on'],
  },
  {
    name: 'a commit index that is one above the log reaches the core',
    file: 'raft/src/incoming/lost-entries.ts',
    find: 'if (commit <= lastIndex) return undefined;',
    replace: 'if (commit <= lastIndex + 1) return undefined;',
    caughtBy: [claims, 'with commit index 11, where the log ends at 10'],
  },
  {
    name: 'a commit index in a later term reaches the core',
    file: 'raft/src/incoming/lost-entries.ts',
    find: 'if (term < own) return undefined;',
    replace: 'if (term !== own) return undefined;',
    caughtBy: [cluster, 'in a term that is later by 1, is refused'],
  },
  {
    name: 'a heartbeat of an older term counts as a claim',
    file: 'raft/src/incoming/lost-entries.ts',
    find: '    if (term < own) return undefined;\n',
    replace: '',
    caughtBy: [claims, 'of an older term is left to the core'],
  },
  {
    name: 'a member that does not lead takes the vote of another one away',
    file: 'raft/src/incoming/lost-entries.ts',
    find: 'const anotherLeads = term === own && lead !== 0n && lead !== from;',
    replace: 'const anotherLeads = term === own && lead === from && from === 0n;',
    caughtBy: [claims, 'where another node leads this term'],
  },
  {
    name: 'a claim that is certainly false takes the vote away',
    file: 'raft/src/incoming/lost-entries.ts',
    find: '    this.#hasAccepted = true;\n',
    replace: '',
    caughtBy: [claims, 'with a commit index above the log, where an append was accepted since'],
  },
  {
    name: 'an append that was rejected shows that the log has everything',
    file: 'raft/src/incoming/lost-entries.ts',
    find: 'if (type !== MessageType.AppResp || reject) return;',
    replace: 'if (type !== MessageType.AppResp) return;',
    caughtBy: [claims, 'where an append was rejected'],
  },
  {
    name: 'an append of a later leader gives the vote back',
    file: 'raft/src/incoming/lost-entries.ts',
    find: 'if (this.#claim !== undefined && term <= this.#claim.term) this.#claim = undefined;',
    replace: 'this.#claim = undefined;',
    caughtBy: [claims, 'has not when it accepts an append of a later leader'],
  },
  {
    name: 'a lower claim takes the place of a higher one',
    file: 'raft/src/incoming/lost-entries.ts',
    find: 'commit: Math.max(commit, before.commit),',
    replace: 'commit,',
    caughtBy: [claims, 'is measured by the highest claim'],
  },
  {
    name: 'the vote comes back one entry too early',
    file: 'raft/src/incoming/lost-entries.ts',
    find: 'if (lastIndex < claim.commit && this',
    replace: 'if (lastIndex < claim.commit - 1 && this',
    caughtBy: [claims, 'is one entry short of the claimed index'],
  },
  {
    name: 'an entry of the term of the claim gives the vote back',
    file: 'raft/src/incoming/lost-entries.ts',
    find: 'this.#termAt(lastIndex) <= claim.term) return true;',
    replace: 'this.#termAt(lastIndex) < claim.term) return true;',
    caughtBy: [claims, 'has an entry of the term of the claim'],
  },
  {
    name: 'a node that may have lost entries votes',
    file: 'raft/src/incoming/plausible-incoming.ts',
    find: "if (asksForElection(message) && parts.lostEntries.isPossible) return 'dropped';",
    replace: '',
    caughtBy: [cluster, 'goes on, has no vote'],
  },
  {
    name: 'a node that may have lost entries campaigns',
    file: 'raft/src/leadership/leadership-guard.ts',
    find: 'node.withholdCampaigns(this.#isSlow || isRejecting || this.#mayHaveLost);',
    replace: 'node.withholdCampaigns(this.#isSlow || isRejecting);',
    caughtBy: [
      'raft/test/leadership-guard.test.ts',
      'does not campaign while its log may have lost',
    ],
  },
  {
    name: 'a node that has got what it lacked never campaigns again',
    file: 'raft/src/leadership/leadership-guard.ts',
    find: 'if (mayHaveLost === this.#mayHaveLost) return;',
    replace: 'if (!mayHaveLost || this.#mayHaveLost) return;',
    caughtBy: [cluster, 'takes part again when a later leader'],
  },
  {
    name: 'readiness says nothing of lost entries',
    file: 'raft/src/start/node-parts.ts',
    find: 'if (lossProblem !== undefined) problems.unshift(lossProblem);',
    replace: '',
    caughtBy: [cluster, 'says that the id is to be removed'],
  },
  {
    name: 'a change that no core can make stops the node',
    file: 'raft/src/driver/loop.ts',
    find: 'if (!isImpossibleChange(error)) {',
    replace: 'if (isPanic(error)) {',
    caughtBy: [unreadable, 'leaves joint consensus, where there is none'],
  },
  {
    name: 'any failure of the core counts as a change that it refuses',
    file: 'raft/src/driver/core-errors.ts',
    find: 'return error instanceof Error && isPanic(error) && codeOf(error.cause) === changeCode;',
    replace: 'return error instanceof Error;',
    caughtBy: [loop, 'is none where the core fails in another way'],
  },
  {
    name: 'a change that the core has refused counts in the membership',
    file: 'raft/src/apply/committed-entries.ts',
    find: `      this.#parts.onUnreadable?.(entry, confState);
      this.#refuseChange(entry, confState);
      return;
`,
    replace: '',
    caughtBy: ['raft/test/committed-entries.test.ts', 'that the core cannot make has no effect'],
  },
  {
    name: 'a change of the quorum that the membership does not have is made',
    file: 'raft/src/apply/committed-entries.ts',
    find: 'if (isSameChange(change.changes, coreChanges(operations))) return { change, operations };',
    replace: 'if (type >= 0) return { change, operations };',
    caughtBy: [unreadable, 'adds a voter that is no member'],
  },
  {
    name: 'only the number of changes is compared',
    file: 'raft/src/apply/committed-entries.ts',
    find: 'type === expected[at]?.type && nodeId === expected[at].nodeId',
    replace: 'type >= 0 && nodeId >= 0n && expected[at] !== undefined',
    caughtBy: [unreadable, 'changes another member in the quorum than in the membership'],
  },
  {
    name: 'a new identity begins in a cluster of several members',
    file: 'raft/src/apply/committed-entries.ts',
    find: 'if (entry.renewed === undefined || size <= 1) return entry;',
    replace: 'if (entry.renewed === undefined || size >= 1) return entry;',
    caughtBy: [unreadable, 'begins a new identity, with other logs'],
  },
  {
    name: 'the new identity of a recovery has no effect',
    file: 'raft/src/apply/committed-entries.ts',
    find: 'if (entry.renewed === undefined || size <= 1) return entry;',
    replace: 'if (entry.renewed === undefined || size < 1) return entry;',
    caughtBy: ['raft/test/raft.test.ts', 'also what it did not know to be committed: without'],
  },
  {
    name: 'a recovery counts a change that no replica has made',
    file: 'raft/src/start/standalone.ts',
    find: 'if (isJoint !== leavesJoint(change)) continue;',
    replace: '',
    caughtBy: [unreadable, 'a change within joint consensus has no effect'],
  },
  {
    name: 'each unreadable entry is told',
    file: 'raft/src/apply/unreadable-entries.ts',
    find: 'if (nowMs - this.#toldAtMs < toldEveryMs) return;',
    replace: 'if (nowMs < this.#toldAtMs) return;',
    caughtBy: [unreadable, 'an entry is told once a minute'],
  },
  {
    name: 'entries that were not told are not counted',
    file: 'raft/src/apply/unreadable-entries.ts',
    find: 'const times = this.#untold;',
    replace: 'const times = 1;',
    caughtBy: [unreadable, 'an entry is told once a minute'],
  },
  {
    name: 'a sender that was reported is never reported again while the table is full',
    file: 'raft/src/incoming/refused-messages.ts',
    find: 'if (before === undefined && this.#told.size >= toldMax) return;',
    replace: 'if (this.#told.size >= toldMax) return;',
    caughtBy: ['raft/test/refused-messages.test.ts', 'also where the table is full'],
  },
  {
    name: 'only the first of several proposals in a message is stamped',
    file: 'raft/src/incoming/plausible-incoming.ts',
    find: 'return entries.every(({ data }) => {',
    replace: 'return entries.slice(0, 1).every(({ data }) => {',
    caughtBy: ['raft/test/plausible-messages.test.ts', 'where it is not the first of its message'],
  },
  {
    name: 'made-up members are reported without a limit',
    file: 'raft/src/identity/report-limit.ts',
    find: 'if (recent.length >= reportsPerInterval || !hasRoom) {',
    replace: 'if (recent.length >= reportsPerInterval * 50) {',
    caughtBy: [told, 'are ten within any minute'],
  },
  {
    name: 'made-up members take the reports of members',
    file: 'raft/src/identity/report-limit.ts',
    find: 'const hasRoom = isOfMember || ofStrangers < reportsOfStrangersPerInterval;',
    replace: 'const hasRoom = ofStrangers < reportsOfStrangersPerInterval;',
    caughtBy: [told, 'leave room for the report of a member'],
  },
  {
    name: 'reports that were left out are not counted',
    file: 'raft/src/identity/report-limit.ts',
    find: '      this.#leftOut += 1;\n',
    replace: '',
    caughtBy: [told, 'the next one says how many were left out'],
  },
  {
    name: 'two problems of one member that take turns are told each time',
    file: 'raft/src/identity/told-problems.ts',
    find: 'const reportedMs = before?.reportedMs ?? new Map<ProblemKind, number>();',
    replace:
      'const kept = before?.reportedMs.has(kind) === true ? before.reportedMs : undefined;\n    const reportedMs = kept ?? new Map<ProblemKind, number>();',
    caughtBy: [told, 'is told once for each of two reasons that take turns'],
  },
  {
    name: 'a member is forgotten for made-up ones',
    file: 'raft/src/identity/told-problems.ts',
    find: 'if (this.#parts.isMember(id)) continue;',
    replace: '',
    caughtBy: [told, 'forgets the stranger that was met first, and never a member'],
  },
  {
    name: 'a problem that was left out counts as told',
    file: 'raft/src/identity/told-problems.ts',
    find: 'if (this.#isRecent(lastMs) || this.#report(id, kind, message)) reportedMs.set(kind, atMs);',
    replace:
      'if (!this.#isRecent(lastMs)) this.#report(id, kind, message);\n    reportedMs.set(kind, atMs);',
    caughtBy: [told, 'tells a problem again that was left out'],
  },
  {
    name: 'an introduction names its cluster by any text',
    file: 'raft/src/identity/introduction.ts',
    find: 'return value === undefined || isIdentityHex(value);',
    replace: "return value === undefined || typeof value === 'string';",
    caughtBy: [told, 'is told in printable text'],
  },
];
