import type { Mutant } from '../mutant.ts';

const calls = 'raft/test/ends-of-calls.test.ts';

/** Errors in the calls of a node, in exports, and in what a snapshot has of the node itself. */
export const raftCalls: readonly Mutant[] = [
  {
    name: 'a leader that is replaced while a quorum is asked counts as one that leads',
    file: 'raft/src/raft.ts',
    find: `    await this.linearizableRead(options);
    if (!this.#parts.isLeader()) throw new NotLeaderError(this.leader());`,
    replace: '    await this.linearizableRead(options);',
    caughtBy: [calls, 'is refused where leadership was lost while a quorum was asked'],
  },
  {
    name: 'a follower says that a member does not exist, which it only has not heard of',
    file: 'raft/src/raft.ts',
    find: `    this.#checkLeads(options);
    if (!this.#parts.state`,
    replace: '    if (!this.#parts.state',
    caughtBy: [calls, 'is refused at a follower, whatever that knows of the member'],
  },
  {
    name: 'leadership is handed to a learner',
    file: 'raft/src/raft.ts',
    find: "if (target === undefined || role !== 'voter') {",
    replace: 'if (target === undefined || role === undefined) {',
    caughtBy: [calls, 'does not transfer leadership to a learner'],
  },
  {
    name: 'the end of a session that does not exist counts as done',
    file: 'raft/src/raft.ts',
    find: "if (outcome.kind === 'session' && outcome.ended) return;",
    replace: "if (outcome.kind === 'session') return;",
    caughtBy: [calls, 'the end of a session that does not exist is told'],
  },
  {
    name: 'an observer goes on after the end of its node',
    file: 'raft/src/raft.ts',
    find: "if (event.type === 'stopped') end();",
    replace: "if (event.type === 'stopped' && event.cause !== undefined) end();",
    caughtBy: [calls, 'an observer is told once that the node has ended'],
  },
  {
    name: 'the snapshot of an export stays open',
    file: 'raft/src/raft.ts',
    find: 'await using open = await this.#parts.snapshots.open(place, options.signal);',
    replace: 'const open = await this.#parts.snapshots.open(place, options.signal);',
    caughtBy: [calls, 'closes its snapshot where the stream is left in the middle'],
  },
  {
    name: 'the head of a frame of an export is not checked',
    file: 'raft/src/snapshots/exported-snapshot.ts',
    find: 'return crc32(frame.subarray(headBytes), crc32(frame.subarray(0, 9)));',
    replace: 'return crc32(frame.subarray(headBytes));',
    caughtBy: [calls, 'of which a byte was changed is refused, in the head of a frame too'],
  },
  {
    name: 'the source of an export that nobody reads on stays open',
    file: 'raft/src/snapshots/exported-snapshot.ts',
    find: '    await this.#frames.return();\n',
    replace: '',
    caughtBy: [calls, 'that is not read on is closed at its source'],
  },
  {
    name: 'the first members of an older snapshot stay',
    file: 'raft/src/apply/replicated-state.ts',
    find: 'else this.firstMembers = first ?? this.firstMembers;',
    replace: 'else this.firstMembers = this.firstMembers ?? first;',
    caughtBy: ['raft/test/first-members.test.ts', 'lie in every snapshot'],
  },
  {
    name: 'the sessions of a snapshot that cannot be read are taken over',
    file: 'raft/src/apply/replicated-state.ts',
    find: `    const membership = membershipFromJson(json);
    const first = firstMembersFromJson(fieldOf(json, 'firstMembers'));
    this.sessions.restore(new Uint8Array(Buffer.from(sessions, 'base64')));`,
    replace: `    this.sessions.restore(new Uint8Array(Buffer.from(sessions, 'base64')));
    const membership = membershipFromJson(json);
    const first = firstMembersFromJson(fieldOf(json, 'firstMembers'));`,
    caughtBy: ['raft/test/replicated-state.test.ts', 'that cannot be read changes nothing'],
  },
  {
    name: 'replicas write the removed ids in the order of their removal',
    file: 'raft/src/membership/membership-codec.ts',
    find: 'removed: [...removed].sort((a, b) => (a < b ? -1 : 1)).map(String),',
    replace: 'removed: [...removed].map(String),',
    caughtBy: ['raft/test/membership.test.ts', 'a membership has the same text on every replica'],
  },
  {
    name: 'replicas write services in the order in which they were published',
    file: 'raft/src/membership/membership-codec.ts',
    find: 'Object.fromEntries(Object.entries(services).sort(([a], [b]) => (a < b ? -1 : 1))),',
    replace: 'services,',
    caughtBy: ['raft/test/membership.test.ts', 'a membership has the same text on every replica'],
  },
  {
    name: 'the log of a member that the core has refused is not proposed again',
    file: 'raft/src/identity/fix-identity.ts',
    find: '    if (!isProposed) for (const id of entry.logIds?.keys() ?? []) this.#proposed.delete(id);\n',
    replace: '',
    caughtBy: [
      'raft/test/identity/fix-identity.test.ts',
      'is proposed again where the core has refused it',
    ],
  },
  {
    name: 'a longer past takes the known origin away',
    file: 'raft/src/identity/identity-keeper.ts',
    find: 'return { ...withPrevious, origin: known.origin ?? next.origin };',
    replace: 'return withPrevious;',
    caughtBy: ['raft/test/identity/identity-keeper.test.ts', 'keeps the origin that is known'],
    promise: 'identity',
  },
  {
    name: 'a learner that is to vote is waited for at its former address',
    file: 'raft/src/membership/voter-through-learner.ts',
    find: 'if (state.membership.members.get(id)?.address === address) continue;',
    replace: 'if (state.membership.members.has(id)) continue;',
    caughtBy: [
      'raft/test/voter-through-learner.test.ts',
      'moves a learner that is there at another address',
    ],
  },
];
