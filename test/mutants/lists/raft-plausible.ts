import type { Mutant } from '../mutant.ts';

const limits = 'raft/test/term-limits.test.ts';
const clocks = 'raft/test/member-clock.test.ts';
const cluster = 'raft/test/plausible-messages.test.ts';
const unwanted = 'raft/test/unwanted-snapshots.test.ts';

/** Errors in what is refused of other nodes. */
export const raftPlausible: readonly Mutant[] = [
  {
    name: 'an impossible term does not cost the sender its connection',
    file: 'raft/src/incoming/plausible-incoming.ts',
    find: "refusal.kind === 'term' ? 'impossible' : 'dropped'",
    replace: "'dropped'",
    caughtBy: ['raft/test/plausible-messages.test.ts', 'where no member can have sent it'],
  },
  {
    name: 'a jump of the term costs an honest sender its connection',
    file: 'raft/src/incoming/plausible-incoming.ts',
    find: "refusal.kind === 'term' ? 'impossible' : 'dropped'",
    replace: "'impossible'",
    caughtBy: ['raft/test/plausible-messages.test.ts', 'where no member can have sent it'],
  },
  {
    name: 'a commit index that may be true costs the leader its connection',
    file: 'raft/src/incoming/plausible-incoming.ts',
    find: "parts.lostEntries.isPossible ? 'dropped' : 'impossible'",
    replace: "'impossible'",
    caughtBy: ['raft/test/plausible-messages.test.ts', 'has accepted nothing since its start'],
  },
  {
    name: 'any term is taken',
    file: 'raft/src/incoming/term-limits.ts',
    find: 'if (!(claimed <= Math.min(termMax, own + termDistanceMax))) {',
    replace: 'if (claimed < 0) {',
    caughtBy: [limits, 'of 9007199254740991 is refused'],
  },
  {
    name: 'only the term of the message itself is looked at',
    file: 'raft/src/incoming/term-limits.ts',
    find: 'return Math.max(term, logTerm, last, snapshot?.metadata.term ?? 0);',
    replace: 'return Math.max(term, 0 * (logTerm + last), 0 * (snapshot?.metadata.term ?? 0));',
    caughtBy: [limits, 'counts wherever it stands'],
  },
  {
    name: 'a rise of the term costs nothing',
    file: 'raft/src/incoming/term-limits.ts',
    find: 'this.#allowance -= rise;',
    replace: '',
    caughtBy: [limits, 'is 2^28 terms, for all senders together'],
  },
  {
    name: 'a member that was raised by all of the allowance is never heard again',
    file: 'raft/src/incoming/term-limits.ts',
    find: 'const allowanceMax = isRefusing ? refusedAllowanceMax : termAllowance;',
    replace: 'const allowanceMax = isRefusing ? termAllowance : termAllowance;',
    caughtBy: [limits, 'lets an honest member in'],
  },
  {
    name: 'an election of an honest member needs the allowance',
    file: 'raft/src/incoming/term-limits.ts',
    find: 'claimed <= before + 1 ||',
    replace: '',
    caughtBy: [limits, 'does not matter for a rise by one term'],
  },
  {
    name: 'anybody may propose',
    file: 'raft/src/incoming/plausible-incoming.ts',
    find: '    case MessageType.Prop:\n    case MessageType.ReadIndex:\n    case',
    replace: '    case MessageType.ReadIndex:\n    case',
    caughtBy: [cluster, 'cannot propose'],
  },
  {
    name: 'the time of a forwarded proposal counts',
    file: 'raft/src/proposals/envelope.ts',
    find: 'writeInteger(viewOf(bytes), 4, Math.floor(proposedAtMs));',
    replace: '',
    caughtBy: [cluster, 'with the time 8796093022208 gets the time of the leader'],
  },
  {
    name: 'the wrong clock of this node is the stamp',
    file: 'raft/src/apply/member-clock.ts',
    find: 'return Math.max(0, medianMs + Math.sign(differenceMs) * clockToleranceMs);',
    replace: 'return Math.max(0, ownMs);',
    caughtBy: [clocks, 'by 31536000000 ms at this node moves the stamps'],
  },
  {
    name: 'clocks of nodes that are no members count',
    file: 'raft/src/apply/member-clock.ts',
    find: 'if (id === nodeId || !isMember(id)) return;',
    replace: 'if (id === nodeId || !isMember(nodeId)) return;',
    caughtBy: [clocks, 'do not count for nodes that are not members, or not any more'],
  },
  {
    name: 'a stamp at the end of time moves the time of the log',
    file: 'raft/src/apply/log-time.ts',
    find: 'return proposedAtMs > logTimeMsMax ? timeMs : Math.max(timeMs, proposedAtMs);',
    replace: 'return Math.max(timeMs, proposedAtMs);',
    caughtBy: ['raft/test/log-time.test.ts', 'is not moved by the stamp 9007199254740991'],
  },
  {
    name: 'a member that does not lead may send a snapshot',
    file: 'raft/src/snapshots/wanted-snapshots.ts',
    find: 'if (term === own && lead !== 0n && lead !== from) {',
    replace: 'if (term === own && lead !== 0n && lead !== from && from === 0n) {',
    caughtBy: [
      unwanted,
      'takes no snapshot of any other node, of no term, or of an impossible term',
    ],
  },
  {
    name: 'files that the core does not take over stay',
    file: 'raft/src/driver/loop.ts',
    find: 'return snapshot?.metadata.index === index || this.#installedIndex === index;',
    replace: 'return snapshot?.metadata.index !== -index;',
    caughtBy: [unwanted, 'are given back at once'],
  },
  {
    name: 'a recovery of the last term goes on in that term',
    file: 'raft/src/start/restarted-terms.ts',
    find: 'return term > termAllowance;',
    replace: 'return term > 2 * 2 ** 52;',
    caughtBy: ['raft/test/restarted-terms.test.ts', 'of term 9007199254740991 with an entry'],
  },
  {
    name: 'a recovery forgets what lies behind the last snapshot',
    file: 'raft/src/start/restarted-terms.ts',
    find: '  await applyAll(parts);',
    replace: '  if (parts.machineAppliedIndex < 0) await applyAll(parts);',
    caughtBy: ['raft/test/restarted-terms.test.ts', 'of term 9007199254740991 with an entry'],
  },
  {
    name: 'an entry that cannot be read stops the node',
    file: 'raft/src/apply/committed-entries.ts',
    find: 'if (envelope instanceof RaftError) await this.#passOver(entry, envelope);',
    replace: 'if (envelope instanceof RaftError) throw envelope;',
    caughtBy: [
      'raft/test/unreadable-entries.test.ts',
      'has no effect, and stops no member at any start',
    ],
  },
];
