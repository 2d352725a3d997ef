/** Membership changes: etcd-io/raft `confchange/` and `raft.go`; Raft thesis, section 4.3. */

import {
  ConfChangeTransition as Transition,
  ConfChangeType as Type,
  emptyConfState,
  EntryType,
  leaveJointChange,
  MessageType,
  newMessage,
  type ConfChangeSingle,
  type ConfChangeV2,
  type ConfState,
} from '@babuza/raftpb';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  enterJoint,
  leaveJoint,
  restoreMembership,
  simpleChange,
} from '../src/membership/conf-change.ts';
import { sameMembership } from '../src/membership/invariants.ts';
import type { NewMemberDefaults } from '../src/membership/membership-draft.ts';
import { StateType } from '../src/index.ts';
import { step } from '../src/step.ts';
import { idSetOf } from '../src/ids.ts';
import { Inflights } from '../src/tracker/inflights.ts';
import { Progress } from '../src/tracker/progress.ts';
import {
  confStateOf,
  emptyMembership,
  type Membership,
  type MembershipConfig,
} from '../src/tracker/membership-config.ts';
import {
  at,
  bytesOf,
  changeOf,
  clusterOf,
  codeOf,
  leaderOf,
  storageOf,
  taken,
  TestNode,
} from './support.ts';

const defaults: NewMemberDefaults = {
  lastIndex: 10,
  newInflights: () => new Inflights(10, Infinity),
};

function v2(
  changes: readonly ConfChangeSingle[],
  transition: Transition = Transition.Auto,
): ConfChangeV2 {
  return { transition, changes };
}

function single(type: Type, nodeId: bigint): ConfChangeSingle {
  return { type, nodeId };
}

/** A leader that is the only voter and has applied its own entry. */
function soleLeader(config: Parameters<typeof leaderOf>[1] = {}): TestNode {
  const node = leaderOf(storageOf({ voters: [1n] }), config);
  node.settle();
  return node;
}

describe('proposing', () => {
  it('a change is appended, and until it is applied another one becomes an empty entry', () => {
    const node = leaderOf(storageOf());
    node.settle();
    node.step({ type: MessageType.AppResp, from: 2n, term: 1, index: 1 });
    node.settle();
    const first = node.raw.proposeConfChange({ id: 0n, type: Type.AddNode, nodeId: 4n });
    const second = node.raw.proposeConfChange({ id: 0n, type: Type.AddNode, nodeId: 5n });
    expect([first, second]).toEqual([
      { index: 2, term: 1 },
      { index: 3, term: 1 },
    ]);
    const entries = node.raft.log.slice(2, 4, Infinity) ?? [];
    expect(entries.map(({ type, data }) => [type, data === undefined])).toEqual([
      [EntryType.ConfChange, false],
      [EntryType.Normal, true],
    ]);
    expect(node.raft.pendingConfIndex).toBe(2);
  });

  it('only the first of several changes in a proposal is accepted', () => {
    const node = soleLeader();
    const entries = [Type.AddNode, Type.RemoveNode].map(() => ({
      index: 0,
      term: 0,
      type: EntryType.ConfChange,
      data: Uint8Array.of(0x10, 0, 0x18, 2),
    }));
    step(node.raft, newMessage({ type: MessageType.Prop, from: 1n, entries }));
    expect((node.raft.log.slice(2, 4, Infinity) ?? []).map(({ type }) => type)).toEqual([
      EntryType.ConfChange,
      EntryType.Normal,
    ]);
  });

  it('a new leader accepts no change until it has applied all entries of its log', () => {
    const node = leaderOf(storageOf({ entries: '1:1,1' }));
    expect(node.raft.pendingConfIndex).toBe(2);
    node.settle();
    node.raw.proposeConfChange({ id: 0n, type: Type.AddNode, nodeId: 4n });
    expect((node.raft.log.slice(4, 5, Infinity) ?? []).map(({ type }) => type)).toEqual([
      EntryType.Normal,
    ]);
  });

  it('without validation each change is accepted', () => {
    const node = soleLeader({ disableConfChangeValidation: true });
    for (let count = 0; count < 2; count += 1) {
      node.raw.proposeConfChange({ id: 0n, type: Type.UpdateNode, nodeId: 1n });
    }
    expect((node.raft.log.slice(2, 4, Infinity) ?? []).map(({ type }) => type)).toEqual([1, 1]);
  });

  it('a joint membership accepts only a change without operations, any other only one with operations', () => {
    const node = soleLeader();
    node.raw.proposeConfChange(leaveJointChange);
    expect(node.raft.log.slice(2, 3, Infinity)?.[0]?.type).toBe(EntryType.Normal);
    node.settle();
    node.raw.applyConfChange(v2([single(Type.AddNode, 2n)], Transition.JointExplicit));
    node.raw.proposeConfChange(v2([single(Type.AddNode, 3n)]));
    expect(node.raft.log.slice(3, 4, Infinity)?.[0]?.type).toBe(EntryType.Normal);
    // The transition does not matter.
    node.raw.proposeConfChange(v2([], Transition.JointExplicit));
    expect(node.raft.log.slice(4, 5, Infinity)?.[0]?.type).toBe(EntryType.ConfChangeV2);
  });

  it('a change that cannot be decoded stops the node', () => {
    const node = soleLeader();
    const entries = [
      { index: 0, term: 0, type: EntryType.ConfChangeV2, data: Uint8Array.of(0xff) },
    ];
    expect(codeOf(() => step(node.raft, newMessage({ type: MessageType.Prop, entries })))).toBe(
      'RAFT_CORE_PANIC',
    );
  });
});

describe('applying', () => {
  it('voters and learners are added and removed, and repeating a change has no effect', () => {
    const node = soleLeader();
    const steps: [Type, bigint, Partial<ConfState>][] = [
      [Type.AddNode, 2n, { voters: [1n, 2n] }],
      [Type.AddNode, 2n, { voters: [1n, 2n] }],
      [Type.AddLearnerNode, 3n, { voters: [1n, 2n], learners: [3n] }],
      [Type.AddLearnerNode, 3n, { voters: [1n, 2n], learners: [3n] }],
      [Type.AddNode, 3n, { voters: [1n, 2n, 3n] }],
      [Type.AddLearnerNode, 2n, { voters: [1n, 3n], learners: [2n] }],
      [Type.RemoveNode, 2n, { voters: [1n, 3n] }],
      [Type.RemoveNode, 9n, { voters: [1n, 3n] }],
      [Type.UpdateNode, 3n, { voters: [1n, 3n] }],
      [Type.RemoveNode, 0n, { voters: [1n, 3n] }],
    ];
    for (const [type, nodeId, expected] of steps) {
      expect(node.raw.applyConfChange({ id: 0n, type, nodeId })).toEqual({
        ...emptyConfState,
        ...expected,
      });
    }
  });

  it('removing the last voter, or any other impossible change, stops the node', () => {
    for (const change of [v2([single(Type.RemoveNode, 1n)]), leaveJointChange]) {
      expect(codeOf(() => soleLeader().raw.applyConfChange(change))).toBe('RAFT_CORE_PANIC');
    }
  });

  it('a new member counts as active, so that adding it does not make the leader step down', () => {
    const node = soleLeader({ checkQuorum: true });
    node.raw.applyConfChange({ id: 0n, type: Type.AddNode, nodeId: 2n });
    expect(node.progress(2n)).toMatchObject({ recentActive: true, match: 0, next: 1 });
    node.tick(10);
    expect(node.state).toBe(StateType.Leader);
    node.tick(10);
    expect(node.state).toBe(StateType.Follower);
  });

  it('a joint membership commits by both halves', () => {
    const node = leaderOf(storageOf());
    node.settle();
    // The incoming voters are 1, 2, 4; the outgoing ones 1, 2, 3.
    const changes = [single(Type.AddNode, 4n), single(Type.RemoveNode, 3n)];
    node.raw.applyConfChange(v2(changes, Transition.JointExplicit));
    node.step({ type: MessageType.AppResp, from: 4n, term: 1, index: 1 });
    expect(node.committed).toBe(0);
    node.step({ type: MessageType.AppResp, from: 3n, term: 1, index: 1 });
    expect(node.committed).toBe(1);
  });

  it('a joint membership needs an active quorum in both halves', () => {
    const confState = { voters: [1n, 2n, 3n], votersOutgoing: [1n, 4n, 5n] };
    const stateWith = (active: readonly bigint[]): StateType => {
      const node = leaderOf(storageOf({ confState }), { checkQuorum: true }, [2n, 4n]);
      node.settle();
      for (const from of active) node.step({ type: MessageType.HeartbeatResp, from, term: 1 });
      node.tick(10);
      return node.state;
    };
    expect([stateWith([2n, 3n]), stateWith([4n, 5n]), stateWith([3n, 4n])]).toEqual([
      StateType.Follower,
      StateType.Follower,
      StateType.Leader,
    ]);
  });

  it('removing a voter may commit entries that it has not acknowledged', () => {
    const node = leaderOf(storageOf({ voters: [1n, 2n] }));
    node.settle();
    expect(node.committed).toBe(0);
    node.raw.applyConfChange({ id: 0n, type: Type.RemoveNode, nodeId: 2n });
    expect(node.committed).toBe(1);
  });

  it('a new member gets an append at once', () => {
    const node = soleLeader();
    node.raw.applyConfChange({ id: 0n, type: Type.AddLearnerNode, nodeId: 2n });
    expect(taken(node)).toMatchObject([{ type: MessageType.App, to: 2n }]);
  });

  it.each([false, true])(
    'a removed leader steps down only with stepDownOnRemoval (%s)',
    (stepDownOnRemoval) => {
      const node = leaderOf(storageOf(), { stepDownOnRemoval });
      node.settle();
      node.raw.applyConfChange({ id: 0n, type: Type.RemoveNode, nodeId: 1n });
      expect([node.state, node.term]).toEqual([
        stepDownOnRemoval ? StateType.Follower : StateType.Leader,
        1,
      ]);
      expect(codeOf(() => node.raw.propose(bytesOf('x')))).toBe('RAFT_CORE_PROPOSAL_DROPPED');
      taken(node);
      node.tick(1);
      expect(taken(node, MessageType.Heartbeat).length).toBe(stepDownOnRemoval ? 0 : 2);
    },
  );

  it('step rejects responses of removed members, but not their requests', () => {
    const node = leaderOf(storageOf());
    node.settle();
    node.raw.applyConfChange({ id: 0n, type: Type.RemoveNode, nodeId: 3n });
    const from = { from: 3n, to: 1n, term: 1 };
    expect(
      codeOf(() => node.raw.step(newMessage({ type: MessageType.AppResp, ...from, index: 1 }))),
    ).toBe('RAFT_CORE_PEER_NOT_FOUND');
    expect(
      codeOf(() => node.raw.step(newMessage({ type: MessageType.Vote, ...from }))),
    ).toBeUndefined();
  });
});

describe('each change rejects a membership with a broken invariant', () => {
  const progressOf = (id: bigint, isLearner: boolean): Progress =>
    new Progress({ id, isLearner, next: 1, inflights: new Inflights(1, Infinity) });
  it.each<[string, Partial<MembershipConfig>, readonly bigint[], readonly bigint[]]>([
    // the error, the membership, the ids with the progress of a voter and of a learner
    ['no progress for 2', { incoming: [1n, 2n] }, [1n], []],
    ['no progress for 3', { incoming: [1n], learners: [3n] }, [1n], []],
    [
      '2 is in LearnersNext, but not Voters[1]',
      { incoming: [1n], outgoing: [1n], learnersNext: [2n] },
      [1n, 2n],
      [],
    ],
    [
      '2 is in LearnersNext, but is already marked as learner',
      { incoming: [1n], outgoing: [1n, 2n], learnersNext: [2n] },
      [1n],
      [2n],
    ],
    [
      '2 is in Learners and Voters[1]',
      { incoming: [1n], outgoing: [2n], learners: [2n] },
      [1n],
      [2n],
    ],
    ['2 is in Learners and Voters[0]', { incoming: [1n, 2n], learners: [2n] }, [1n], [2n]],
    [
      '2 is in Learners, but is not marked as learner',
      { incoming: [1n], learners: [2n] },
      [1n, 2n],
      [],
    ],
    ['AutoLeave must be false when not joint', { incoming: [1n], autoLeave: true }, [1n], []],
  ])('%s', (text, config, voters, learners) => {
    const members = [
      ...voters.map((id) => progressOf(id, false)),
      ...learners.map((id) => progressOf(id, true)),
    ];
    const membership = {
      config: { ...emptyMembership, ...config },
      progress: new Map(members.map((member) => [member.id, member])),
    };
    for (const change of [
      () => simpleChange(membership, [], defaults),
      () => enterJoint(membership, false, [], defaults),
      () => leaveJoint(membership),
    ]) {
      expect(change).toThrow(
        expect.objectContaining({ code: 'RAFT_CORE_CONF_CHANGE', message: text }),
      );
    }
  });
});

describe('changes of version 1 and 2, with every transition', () => {
  const cases: [string, ConfChangeV2, Partial<ConfState>, Partial<ConfState> | undefined][] = [
    ['one voter, auto', v2([single(Type.AddNode, 2n)]), { voters: [1n, 2n] }, undefined],
    [
      'one learner, auto',
      v2([single(Type.AddLearnerNode, 2n)]),
      { voters: [1n], learners: [2n] },
      undefined,
    ],
    [
      'one voter, explicit',
      v2([single(Type.AddNode, 2n)], Transition.JointExplicit),
      { voters: [1n, 2n], votersOutgoing: [1n] },
      { voters: [1n, 2n] },
    ],
    [
      'one learner, explicit',
      v2([single(Type.AddLearnerNode, 2n)], Transition.JointExplicit),
      { voters: [1n], votersOutgoing: [1n], learners: [2n] },
      { voters: [1n], learners: [2n] },
    ],
    [
      'voter and learners, auto',
      v2([
        single(Type.AddNode, 2n),
        single(Type.AddLearnerNode, 1n),
        single(Type.AddLearnerNode, 3n),
      ]),
      { voters: [2n], votersOutgoing: [1n], learners: [3n], learnersNext: [1n], autoLeave: true },
      { voters: [2n], learners: [1n, 3n] },
    ],
    [
      'voter and learners, implicit',
      v2([single(Type.AddNode, 2n), single(Type.AddLearnerNode, 1n)], Transition.JointImplicit),
      { voters: [2n], votersOutgoing: [1n], learnersNext: [1n], autoLeave: true },
      { voters: [2n], learners: [1n] },
    ],
    [
      'voter and learners, explicit',
      v2([single(Type.AddNode, 2n), single(Type.AddLearnerNode, 1n)], Transition.JointExplicit),
      { voters: [2n], votersOutgoing: [1n], learnersNext: [1n] },
      { voters: [2n], learners: [1n] },
    ],
    [
      'no operation, implicit: enters a joint membership',
      v2([], Transition.JointImplicit),
      { voters: [1n], votersOutgoing: [1n], autoLeave: true },
      { voters: [1n] },
    ],
    [
      'no operation, explicit: enters a joint membership',
      v2([], Transition.JointExplicit),
      { voters: [1n], votersOutgoing: [1n] },
      { voters: [1n] },
    ],
  ];
  it.each(cases)('%s', (_name, change, after, left) => {
    const node = soleLeader();
    expect(node.raw.applyConfChange(change)).toEqual({ ...emptyConfState, ...after });
    if (left === undefined) return;
    expect(node.raw.applyConfChange(leaveJointChange)).toEqual({ ...emptyConfState, ...left });
  });

  it('the entry that leaves a joint membership has no data, and is decoded as such', () => {
    const node = soleLeader();
    node.raw.applyConfChange(v2([single(Type.UpdateNode, 1n)], Transition.JointExplicit));
    node.raw.proposeConfChange(leaveJointChange);
    const entry = at(node.raft.log.slice(2, 3, Infinity) ?? [], 0);
    expect(entry).toEqual({ index: 2, term: 1, type: EntryType.ConfChangeV2 });
    expect(changeOf(entry)).toEqual(leaveJointChange);
  });
});

describe('leaving a joint membership automatically', () => {
  it('is proposed once, when the change is applied, despite other proposals', () => {
    const network = clusterOf(3);
    network.campaign(1n);
    const leader = network.node(1n);
    leader.raw.proposeConfChange(
      v2([single(Type.AddLearnerNode, 3n), single(Type.UpdateNode, 2n)]),
    );
    leader.propose('between');
    network.settle();
    network.propose(1n, 'after');
    const changes = leader.applied.filter(({ type }) => type === EntryType.ConfChangeV2);
    expect(changes.length).toBe(2);
    for (const node of network.nodes.values()) {
      expect(node.confState).toEqual({ ...emptyConfState, voters: [1n, 2n], learners: [3n] });
    }
  });

  it('waits until all entries up to the pending change are applied', () => {
    const node = soleLeader();
    node.raw.applyConfChange(v2([single(Type.UpdateNode, 1n)], Transition.JointImplicit));
    // A new leader assumes that the last entry of its log may be a change.
    node.raft.pendingConfIndex = 3;
    node.propose('x');
    node.settle();
    expect(node.applied.filter(({ type }) => type === EntryType.ConfChangeV2)).toEqual([]);
    node.propose('y');
    node.settle();
    expect(node.applied.filter(({ type }) => type === EntryType.ConfChangeV2).length).toBe(1);
    expect(node.confState.votersOutgoing).toEqual([]);
  });

  it('is tried again by the same leader after a failed leadership transfer', () => {
    const network = clusterOf(3);
    network.campaign(1n);
    const leader = network.node(1n);
    network.passes = ({ type }) => type !== MessageType.TimeoutNow;
    leader.raw.proposeConfChange(v2([single(Type.UpdateNode, 1n), single(Type.UpdateNode, 2n)]));
    leader.raw.transferLeader(2n);
    network.settle();
    expect([leader.confState.autoLeave, leader.raft.log.lastIndex()]).toEqual([true, 2]);
    leader.tick(10);
    network.settle();
    // The next applied entries make it try again.
    expect([leader.raft.leadTransferee, leader.raft.log.lastIndex()]).toEqual([0n, 2]);
    network.propose(1n, 'x');
    for (const node of network.nodes.values()) expect(node.confState.votersOutgoing).toEqual([]);
  });

  it('is tried again by the next leader after a leadership transfer', () => {
    const network = clusterOf(3);
    network.campaign(1n);
    const leader = network.node(1n);
    network.passes = ({ type }) => type !== MessageType.TimeoutNow;
    leader.raw.proposeConfChange(v2([single(Type.UpdateNode, 1n), single(Type.UpdateNode, 2n)]));
    leader.raw.transferLeader(2n);
    network.settle();
    expect(leader.confState.autoLeave).toBe(true);
    network.heal();
    network.campaign(2n);
    expect(network.node(2n).state).toBe(StateType.Leader);
    for (const node of network.nodes.values()) expect(node.confState.votersOutgoing).toEqual([]);
  });

  it('is not done by a follower', () => {
    const node = new TestNode(
      storageOf({
        confState: { voters: [1n], votersOutgoing: [2n], autoLeave: true },
        entries: '1:1',
        hardState: { term: 1, commit: 1 },
      }),
    );
    node.settle();
    expect(node.raft.log.lastIndex()).toBe(1);
  });
});

describe('random membership changes', () => {
  const operation = fc.record({
    type: fc.constantFrom<Type>(0, 1, 2, 3),
    nodeId: fc.bigInt({ min: 1n, max: 9n }),
  });
  const operations = fc.array(operation, { minLength: 1, maxLength: 12 });

  it('changes one by one give the same as one joint change (1000 runs)', () => {
    fc.assert(
      fc.property(operations, operations, (setup, changes) => {
        const first: ConfChangeSingle = single(Type.AddNode, 1n);
        const simply = (list: readonly ConfChangeSingle[], from?: Membership): Membership => {
          let membership = from ?? restoreMembership(emptyConfState, defaults);
          for (const change of list) membership = simpleChange(membership, [change], defaults);
          return membership;
        };
        // Voter 1 stays, so that no step removes the last voter.
        const keep = (list: readonly ConfChangeSingle[]): ConfChangeSingle[] =>
          list.filter(({ nodeId }) => nodeId !== 1n);
        const start = simply([first, ...keep(setup)]);
        const oneByOne = simply(keep(changes), start);
        for (const autoLeave of [false, true]) {
          const joint = enterJoint(start, autoLeave, keep(changes), defaults);
          expect(confStateOf(joint.config).votersOutgoing).toEqual(start.config.incoming);
          const left = leaveJoint(joint);
          expect(left.config).toEqual(oneByOne.config);
          expect(idSetOf(left.progress.keys())).toEqual(idSetOf(oneByOne.progress.keys()));
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('a membership is restored from its ConfState (1000 runs)', () => {
    const ids = fc.uniqueArray(fc.bigInt({ min: 1n, max: 2n ** 64n - 3n }), {
      minLength: 1,
      maxLength: 12,
    });
    fc.assert(
      fc.property(
        ids,
        fc.nat(),
        fc.nat(),
        fc.boolean(),
        fc.boolean(),
        (all, a, b, isJoint, autoLeave) => {
          const split = 1 + (a % all.length);
          const voters = all.slice(0, split);
          const learners = all.slice(split);
          const outgoing = isJoint ? all.slice(b % split, split) : [];
          // An outgoing voter that is not an incoming one may become a learner.
          const incoming = isJoint ? voters.slice(0, 1 + (b % split)) : voters;
          const next = outgoing.filter((id) => !incoming.includes(id));
          const confState: ConfState = {
            voters: incoming,
            learners,
            votersOutgoing: outgoing,
            learnersNext: next,
            autoLeave: outgoing.length > 0 && autoLeave,
          };
          const restored = restoreMembership(confState, defaults);
          expect(sameMembership(confStateOf(restored.config), confState)).toBe(true);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
