import { MessageType } from '@babuza/raftpb';
import { NoSpaceError, SyncFailedError, TryAgainError } from '@babuza/wal-core';
import { afterEach, describe, expect, it } from 'vitest';
import { bytesOf, PlainSessions, textOf, World } from './support.ts';

let world: World;

afterEach(async () => {
  await world.close();
});

const texts = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, at) => `t${from + at}`);

async function proposeAll(...all: string[]): Promise<void> {
  const { raft } = await world.leader();
  await world.until(Promise.all(all.map((text) => raft.propose(bytesOf(text)))));
}

/** Each proposal that was forwarded to a leader arrives there once more. */
function repeatForwarded(): void {
  const handed = world.wire.sent.filter(({ message }) => message.type === MessageType.Prop);
  expect(handed).not.toEqual([]);
  for (const { from, message } of handed) world.wire.repeat(from, message);
}

function applied(): string[][] {
  return [...world.members.values()].map(({ machine }) => machine.texts);
}

describe('proposals', () => {
  it('a cluster of one applies what is proposed and answers with the result', async () => {
    world = new World();
    await world.startAll(1);
    const { raft, machine } = await world.leader();
    const first = await world.until(raft.propose(bytesOf('a')));
    const second = await world.until(raft.propose(bytesOf('b')));
    expect([textOf(first.result), textOf(second.result)]).toEqual(['1', '2']);
    expect(second.index).toBe(first.index + 1);
    expect(machine.texts).toEqual(['a', 'b']);
  });

  it('a cluster of three elects a leader, and all apply the same', async () => {
    world = new World();
    await world.startAll(3);
    await proposeAll('a', 'b', 'c');
    await world.pass(500);
    expect(applied()).toEqual([texts(0, 0), [], []].map(() => ['a', 'b', 'c']));
  });

  it('a follower refuses with the id and address of the leader', async () => {
    world = new World();
    await world.startAll(3);
    const leader = await world.leader();
    await world.pass(300);
    const follower = await world.follower();
    const id = leader.raft.nodeId;
    await expect(follower.raft.propose(bytesOf('a'))).rejects.toMatchObject({
      code: 'RAFT_NOT_LEADER',
      leader: { id, address: `address-${id}` },
    });
  });

  it('a follower forwards them to the leader if configured, and gets the answer', async () => {
    world = new World({ forwardProposals: true });
    await world.startAll(3);
    await proposeAll('a');
    const follower = await world.follower();
    await world.pass(300);
    const answer = await world.until(follower.raft.propose(bytesOf('b')));
    expect(textOf(answer.result)).toBe('2');
  });

  it('a payload that is too large is refused at once', async () => {
    world = new World({ entryBytesMax: 2048 });
    await world.startAll(1);
    const { raft } = await world.leader();
    await expect(raft.propose(new Uint8Array(2048))).rejects.toMatchObject({
      code: 'RAFT_TOO_LARGE',
    });
    await world.until(raft.propose(new Uint8Array(1900)));
  });

  it('of a leader that was cut off are dropped when another entry took their index', async () => {
    world = new World();
    await world.startAll(3);
    await proposeAll('a');
    const old = await world.leader();
    world.wire.cut.add(old.raft.nodeId);
    const lost = old.raft.propose(bytesOf('lost'));
    lost.catch(() => undefined);
    await world.pass(5000);
    await proposeAll('b', 'c', 'd');
    world.wire.cut.clear();
    await expect(world.until(lost)).rejects.toMatchObject({ code: 'RAFT_DROPPED' });
    await world.pass(1000);
    expect(applied()).toEqual(applied().map(() => ['a', 'b', 'c', 'd']));
  });

  it('of a leader that was cut off are dropped even when no entry took their index', async () => {
    world = new World();
    await world.startAll(3);
    await proposeAll('a');
    const old = await world.leader();
    world.wire.cut.add(old.raft.nodeId);
    const lost = ['b', 'c', 'd'].map((text) => old.raft.propose(bytesOf(text)));
    for (const proposal of lost) proposal.catch(() => undefined);
    await world.pass(5000);
    world.wire.cut.clear();
    const ended = await world.until(Promise.allSettled(lost));
    expect(ended.map((end) => end.status === 'rejected' && end.reason.code)).toEqual(
      Array.from({ length: 3 }, () => 'RAFT_DROPPED'),
    );
  });

  it('that a follower forwards are applied once, even when a transport repeats them later', async () => {
    world = new World({ forwardProposals: true });
    await world.startAll(3);
    await proposeAll('a');
    const follower = await world.follower();
    await world.until(follower.raft.propose(bytesOf('b')));
    await world.until(follower.raft.propose(bytesOf('c')));
    repeatForwarded();
    await world.pass(500);
    expect(applied()).toEqual(applied().map(() => ['a', 'b', 'c']));
  });

  it('that were forwarded are not forwarded again: two leaders could append them', async () => {
    world = new World({ forwardProposals: true });
    await world.startAll(3);
    await proposeAll('a');
    const old = await world.leader();
    const follower = await world.follower();
    await world.until(follower.raft.propose(bytesOf('b')));
    await world.until(old.raft.transferLeader());
    repeatForwarded();
    await world.pass(500);
    expect(applied()).toEqual(applied().map(() => ['a', 'b']));
  });

  it('that were forwarded to the leader and got lost have an end', async () => {
    world = new World({ forwardProposals: true });
    await world.startAll(3);
    await proposeAll('a');
    const follower = await world.follower();
    world.wire.loses = ({ type }) => type === MessageType.Prop;
    await expect(world.until(follower.raft.propose(bytesOf('b')))).rejects.toMatchObject({
      code: 'RAFT_OUTCOME_UNKNOWN',
    });
    world.wire.loses = () => false;
    await world.until(follower.raft.propose(bytesOf('c')));
    expect(follower.raft.status().proposals).toEqual({ pending: 0, answered: 1, failed: 1 });
  });

  it.each([
    { sessionId: 1, sequence: 0, lowestUnanswered: 0 },
    { sessionId: 1, sequence: 3, lowestUnanswered: 4 },
    { sessionId: 1.5, sequence: 1, lowestUnanswered: 1 },
    { sessionId: 1, sequence: 2 ** 53, lowestUnanswered: 1 },
    { sessionId: 0, sequence: 1, lowestUnanswered: -1 },
  ])('in an invalid session are refused at once: %o', async (session) => {
    world = new World();
    await world.startAll(1);
    const { raft } = await world.leader();
    await expect(raft.propose(bytesOf('a'), { session })).rejects.toMatchObject({
      code: 'RAFT_INVALID',
    });
  });

  it('a signal ends the waiting, not the entry', async () => {
    world = new World();
    await world.startAll(3);
    const { raft, machine } = await world.leader();
    const abort = new AbortController();
    const proposal = raft.propose(bytesOf('a'), { signal: abort.signal });
    abort.abort(new Error('no patience'));
    await expect(proposal).rejects.toThrow('no patience');
    await world.pass(500);
    expect(machine.texts).toEqual(['a']);
  });

  it.each([
    ['too few results', () => []],
    ['a result that is no bytes', () => ['yes']],
    ['no array', () => 7],
  ])('a state machine that answers with %s stops the node with the cause', async (_, answer) => {
    world = new World();
    await world.startAll(1);
    const { raft, machine } = await world.leader();
    const causes: unknown[] = [];
    raft.subscribe((event) => {
      if (event.type === 'stopped') causes.push(event.cause);
    });
    Reflect.set(machine, 'apply', answer);
    await expect(world.until(raft.propose(bytesOf('a')))).rejects.toMatchObject({
      code: 'RAFT_OUTCOME_UNKNOWN',
    });
    await world.pass(100);
    expect(causes).toMatchObject([{ code: 'RAFT_STATE_MACHINE_FAILED' }]);
    world.members.clear();
  });

  it('a state machine that throws stops the node with the cause', async () => {
    world = new World();
    await world.startAll(1);
    const { raft } = await world.leader();
    const causes: unknown[] = [];
    raft.subscribe((event) => {
      if (event.type === 'stopped') causes.push(event.cause);
    });
    await expect(world.until(raft.propose(bytesOf('!')))).rejects.toMatchObject({
      code: 'RAFT_OUTCOME_UNKNOWN',
    });
    await world.pass(100);
    expect(causes).toMatchObject([{ code: 'RAFT_STATE_MACHINE_FAILED' }]);
    await expect(raft.propose(bytesOf('a'))).rejects.toMatchObject({ code: 'RAFT_STOPPED' });
  });
});

describe('reads', () => {
  it('show what was acknowledged before, on every member', async () => {
    world = new World();
    await world.startAll(3);
    await proposeAll('a', 'b');
    for (const { raft } of world.members.values()) {
      expect(await world.until(raft.read(undefined))).toEqual(['a', 'b']);
    }
  });

  it('many share a round', async () => {
    world = new World();
    await world.startAll(3);
    const { raft } = await world.leader();
    await proposeAll('a');
    const reads = Array.from({ length: 100 }, () => raft.linearizableRead());
    const indexes = await world.until(Promise.all(reads));
    expect(new Set(indexes).size).toBe(1);
  });

  it('end with an error when no quorum answers, after the timeout', async () => {
    world = new World({ checkQuorum: false, readTimeoutMs: 1000 });
    await world.startAll(3);
    await proposeAll('a');
    const { raft } = await world.leader();
    for (const { raft: other } of await world.followers()) world.wire.cut.add(other.nodeId);
    await expect(world.until(raft.linearizableRead())).rejects.toMatchObject({
      code: 'RAFT_OUTCOME_UNKNOWN',
    });
  });

  it('come through when an answer was lost: the round is repeated', async () => {
    world = new World({ checkQuorum: false });
    await world.startAll(3);
    await proposeAll('a');
    const { raft } = await world.leader();
    for (const { raft: other } of await world.followers()) world.wire.cut.add(other.nodeId);
    const read = raft.linearizableRead();
    await world.pass(200);
    world.wire.cut.clear();
    expect(await world.until(read)).toBeGreaterThan(0);
  });
});

describe('membership', () => {
  it('a learner joins, gets everything, is promoted, and counts', async () => {
    world = new World();
    await world.startAll(1);
    await proposeAll(...texts(0, 20));
    const { raft } = await world.leader();
    const joined = await world.start(2n, undefined);
    await world.until(raft.addLearner({ id: 2n, address: 'address-2' }));
    await world.pass(1000);
    expect(joined.machine.texts).toEqual(texts(0, 20));
    await world.until(raft.promoteLearner(2n));
    await proposeAll('x');
    expect(raft.clusterInfo().members.map(({ id, role }) => [id, role])).toEqual([
      [1n, 'voter'],
      [2n, 'voter'],
    ]);
    expect(joined.raft.clusterInfo().members).toEqual(raft.clusterInfo().members);
  });

  it('a learner that lags is not promoted', async () => {
    world = new World();
    await world.startAll(1);
    await proposeAll(...texts(0, 20));
    const { raft } = await world.leader();
    await world.until(raft.addLearner({ id: 2n, address: 'address-2' }));
    await expect(world.until(raft.promoteLearner(2n))).rejects.toMatchObject({
      code: 'RAFT_LEARNER_NOT_READY',
    });
  });

  it('refuses the last voter, ids that were removed, addresses in use, and says why', async () => {
    world = new World();
    await world.startAll(3);
    const { raft } = await world.leader();
    const follower = await world.follower();
    const gone = follower.raft.nodeId;
    await world.until(raft.removePeer(gone));
    const refused = { code: 'RAFT_CONF_CHANGE_REFUSED' };
    const back = raft.addVotingPeer({ id: gone, address: 'elsewhere' });
    await expect(world.until(back)).rejects.toMatchObject(refused);
    const clash = raft.addLearner({ id: 9n, address: `address-${raft.nodeId}` });
    await expect(world.until(clash)).rejects.toMatchObject(refused);
    const other = [...world.members.keys()].find((id) => id !== gone && id !== raft.nodeId)!;
    await world.until(raft.removePeer(other));
    await expect(world.until(raft.removePeer(raft.nodeId))).rejects.toMatchObject(refused);
  });

  it('several members change at once, by joint consensus', async () => {
    world = new World();
    await world.startAll(3);
    const { raft } = await world.leader();
    const [a, b] = (await world.followers()).map(({ raft: { nodeId } }) => nodeId);
    await world.start(4n, undefined);
    await world.start(5n, undefined);
    await world.until(
      raft.changeMembership([
        { op: 'set', id: 4n, role: 'voter', address: 'address-4' },
        { op: 'set', id: 5n, role: 'voter', address: 'address-5' },
        { op: 'remove', id: a ?? 0n },
        { op: 'remove', id: b ?? 0n },
      ]),
    );
    await proposeAll('a');
    expect(raft.clusterInfo().members.map(({ id }) => id)).toEqual(
      [raft.nodeId, 4n, 5n].sort((x, y) => (x < y ? -1 : 1)),
    );
  });

  it('a leader that removes itself steps down, and the others go on', async () => {
    world = new World();
    await world.startAll(3);
    const old = await world.leader();
    await world.until(old.raft.removePeer(old.raft.nodeId));
    world.members.delete(old.raft.nodeId);
    await world.pass(3000);
    await proposeAll('a');
    await world.pass(500);
    expect(applied()).toEqual([['a'], ['a']]);
    await world.until(old.raft.shutdown());
  });

  it('is of one group, which the transport is told', async () => {
    world = new World({ groupId: 7n });
    await world.startAll(3);
    await world.leader();
    expect([...world.wire.groups.values()]).toEqual([7n, 7n, 7n]);
  });

  it('addresses and services are known everywhere', async () => {
    world = new World();
    await world.startAll(3);
    const { raft } = await world.leader();
    await world.until(raft.updatePeer({ id: 2n, address: 'moved' }));
    await world.until(raft.publishApplicationService({ name: 'http', address: 'web-1' }));
    await world.pass(500);
    for (const member of world.members.values()) {
      const { members } = member.raft.clusterInfo();
      expect(members.find(({ id }) => id === 2n)?.address).toBe('moved');
      expect(members.find(({ id }) => id === raft.nodeId)?.services).toEqual({ http: 'web-1' });
    }
  });
});

describe('leadership', () => {
  it('goes to the member that is named, and by default to the one with the highest match index', async () => {
    world = new World();
    await world.startAll(3);
    const { raft } = await world.leader();
    const target = (await world.follower()).raft.nodeId;
    await world.until(raft.transferLeader(target));
    expect((await world.leader()).raft.nodeId).toBe(target);
    const next = await world.leader();
    await world.until(next.raft.transferLeader());
    expect((await world.leader()).raft.nodeId).not.toBe(target);
  });

  it('goes to a member that does not know yet that it was promoted', async () => {
    world = new World();
    await world.startAll(3);
    const { raft } = await world.leader();
    const learner = { id: 4n, address: 'address-4' };
    await world.until(raft.addLearner(learner));
    await world.start(4n, undefined);
    await world.pass(1000);
    // It gets the promotion, but does not learn that it is committed.
    world.wire.loses = ({ to, type, entries }) =>
      to === 4n && type !== MessageType.TimeoutNow && entries.length === 0;
    await world.until(raft.promoteLearner(4n));
    const transferred = raft.transferLeader(4n);
    await world.pass(200);
    world.wire.loses = () => false;
    await world.until(transferred);
    expect(raft.leader()?.id).toBe(4n);
  });

  it('is transferred by a leader that shuts down, if requested', async () => {
    world = new World();
    await world.startAll(3);
    const old = await world.leader();
    await world.until(old.raft.shutdown({ transferLeadership: true }));
    world.members.delete(old.raft.nodeId);
    const roles = [...world.members.values()].map(({ raft }) => raft.status().role);
    expect(roles).toContain('leader');
  });

  it('of a member that is gone passes to another, and nothing acknowledged is lost', async () => {
    world = new World();
    await world.startAll(3);
    await proposeAll('a', 'b');
    const old = await world.leader();
    await world.until(old.raft.shutdown());
    world.members.delete(old.raft.nodeId);
    await proposeAll('c');
    await world.pass(500);
    expect(applied()).toEqual([
      ['a', 'b', 'c'],
      ['a', 'b', 'c'],
    ]);
  });
});

describe('sessions', () => {
  it('a proposal that is sent again applies once and has the same answer, across leaders', async () => {
    world = new World();
    await world.startAll(3);
    const { raft } = await world.leader();
    const sessionId = await world.until(raft.registerSession());
    const session = { sessionId, sequence: 1, lowestUnanswered: 1 };
    const first = await world.until(raft.propose(bytesOf('a'), { session }));
    const both = await world.until(
      Promise.all([
        raft.propose(bytesOf('a'), { session }),
        raft.propose(bytesOf('a'), { session }),
      ]),
    );
    await world.until(raft.transferLeader());
    const next = await world.leader();
    const again = await world.until(next.raft.propose(bytesOf('a'), { session }));
    expect([...both, again].map(({ result }) => textOf(result))).toEqual(['1', '1', '1']);
    expect(textOf(first.result)).toBe('1');
    expect(next.machine.texts).toEqual(['a']);
    await world.until(next.raft.unregisterSession(sessionId));
    await expect(world.until(next.raft.propose(bytesOf('a'), { session }))).rejects.toMatchObject({
      code: 'RAFT_SESSION_EXPIRED',
    });
  });

  it('two copies in one batch: the second has the answer of the first', async () => {
    world = new World();
    await world.startAll(1);
    const { raft, machine } = await world.leader();
    const sessionId = await world.until(raft.registerSession());
    const session = { sessionId, sequence: 1, lowestUnanswered: 1 };
    const answers = await world.until(
      Promise.all([1, 2, 3].map(() => raft.propose(bytesOf('a'), { session }))),
    );
    expect(answers.map(({ result }) => textOf(result))).toEqual(['1', '1', '1']);
    expect(machine.texts).toEqual(['a']);
  });
});

describe('a start', () => {
  it('without a snapshot begins without sessions, whatever the manager held', async () => {
    world = new World();
    const sessions = new PlainSessions();
    sessions.register(5);
    await world.start(9n, undefined, undefined, {}, sessions);
    expect(world.member(9n).raft.status().sessions.open).toBe(0);
  });
});

describe('snapshots', () => {
  it('a member goes on from its own one, with the entries behind it', async () => {
    world = new World();
    await world.startAll(1);
    await proposeAll(...texts(0, 5));
    const { raft } = await world.leader();
    const place = await world.until(raft.manualSnapshot());
    expect(place.index).toBe(raft.status().appliedIndex);
    expect(await world.until(raft.manualSnapshot())).toEqual(place);
    await proposeAll('x', 'y');
    const again = await world.restart(1n);
    await world.leader();
    await world.pass(500);
    expect(again.machine.texts).toEqual([...texts(0, 5), 'x', 'y']);
  });

  it('falls back to the one before when the newest is damaged', async () => {
    world = new World({ compactionMargin: 0 });
    await world.startAll(1);
    for (const from of [0, 5, 10]) {
      await proposeAll(...texts(from, 5));
      const { raft } = await world.leader();
      await world.until(raft.manualSnapshot());
    }
    const member = world.member(1n);
    member.snapshots.damaged.add(member.snapshots.list().at(-1)!.metadata.index);
    const again = await world.restart(1n);
    await world.leader();
    await world.pass(500);
    expect(again.machine.texts).toEqual(texts(0, 15));
  });

  it('whose files exist and whose record a crash lost do not make the leader send an old one for ever', async () => {
    world = new World();
    await world.startAll(1);
    await proposeAll('a', 'b');
    const { raft } = await world.leader();
    // From here on nothing is committed without the new member, which needs a snapshot that names
    // it.
    await world.until(raft.addVotingPeer({ id: 2n, address: 'address-2' }, { force: true }));
    world.faults.held.set(1n, new Promise(() => undefined));
    raft.manualSnapshot().catch(() => undefined);
    await world.pass(100);
    expect(world.member(1n).snapshots.list()).toHaveLength(2);
    await world.until(raft.shutdown());
    world.faults.held.clear();
    const again = await world.until(world.start(1n, undefined, world.member(1n)));
    const joiner = await world.start(2n, undefined);
    await world.leader();
    await world.until(joiner.raft.waitForApplied(again.raft.status().lastIndex));
    expect(joiner.machine.texts).toEqual(['a', 'b']);
    const { index } = await world.until(again.raft.manualSnapshot());
    expect(again.raft.status().snapshot?.index).toBe(index);
  });

  it('that is found damaged when it is sent is replaced, even if nothing can be committed without its receiver', async () => {
    world = new World({ compactionMargin: 0 });
    await world.startAll(1);
    await proposeAll('a', 'b');
    const { raft, snapshots } = await world.leader();
    await world.until(raft.addVotingPeer({ id: 2n, address: 'address-2' }, { force: true }));
    const { index } = await world.until(raft.manualSnapshot());
    snapshots.damaged.add(index);
    const joiner = await world.start(2n, undefined);
    await world.until(joiner.raft.waitForApplied(raft.status().lastIndex));
    expect(joiner.machine.texts).toEqual(['a', 'b']);
  });

  it('are made by themselves, and the log behind them goes', async () => {
    world = new World({ snapshotEntries: 50, compactionMargin: 10 });
    await world.startAll(1);
    for (let from = 0; from < 500; from += 10) await proposeAll(...texts(from, 10));
    await world.pass(500);
    const { raft, snapshots } = await world.leader();
    expect(snapshots.list()).toHaveLength(3);
    expect(raft.status().firstIndex).toBeGreaterThan(300);
  });

  it('a member that was away too long gets one, and what follows', async () => {
    world = new World({ snapshotEntries: 20, compactionMargin: 5 });
    await world.startAll(3);
    await proposeAll('a');
    const away = await world.follower();
    world.wire.cut.add(away.raft.nodeId);
    for (let from = 0; from < 300; from += 10) await proposeAll(...texts(from, 10));
    const { raft } = await world.leader();
    const learner = { id: 7n, address: 'address-7' };
    await world.until(raft.addLearner(learner));
    world.wire.cut.clear();
    await world.pass(3000);
    await proposeAll('z');
    await world.pass(500);
    const all = ['a', ...texts(0, 300), 'z'];
    expect(applied()).toEqual([all, all, all]);
    expect(away.raft.clusterInfo().members).toContainEqual(
      expect.objectContaining({ ...learner, role: 'learner' }),
    );
  });
});

describe('a snapshot that is exported', () => {
  const exported = async (): Promise<Uint8Array[]> => {
    world = new World();
    await world.startAll(3);
    await proposeAll('a', 'b');
    const { raft } = await world.leader();
    const sessionId = await world.until(raft.registerSession());
    const call = { session: { sessionId, sequence: 1, lowestUnanswered: 1 } };
    await world.until(raft.propose(bytesOf('c'), call));
    const chunks: Uint8Array[] = [];
    const reading = (async () => {
      for await (const chunk of raft.exportSnapshot()) chunks.push(chunk.slice());
    })();
    await world.until(reading);
    await world.close();
    return chunks;
  };

  async function* streamOf(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
    yield* chunks;
  }

  it('is the beginning of another cluster: the state, the sessions, and other members', async () => {
    const chunks = await exported();
    const [name] = /"index":(\d+)/.exec(textOf(chunks[0])) ?? [];
    expect(name).toBeDefined();
    world = new World();
    const peers = [
      { id: 7n, address: 'address-7' },
      { id: 8n, address: 'address-8' },
    ];
    // In pieces that do not match its frames.
    const whole = Buffer.concat(chunks);
    const pieces = Array.from({ length: Math.ceil(whole.length / 5) }, (_, at) =>
      whole.subarray(at * 5, at * 5 + 5),
    );
    for (const { id } of peers) {
      await world.start(id, peers, undefined, { snapshot: streamOf(pieces) });
    }
    await proposeAll('d');
    await world.pass(500);
    expect(applied()).toEqual([0, 0].map(() => ['a', 'b', 'c', 'd']));
    const { raft } = await world.leader();
    expect(raft.clusterInfo().members.map(({ id }) => id)).toEqual([7n, 8n]);
    expect(raft.status().sessions).toEqual({ open: 1, duplicates: 0, refused: 0 });
    const ids = [...world.members.keys()];
    for (const id of ids) await world.restart(id);
    await proposeAll('e');
    await world.pass(500);
    expect(applied()).toEqual([0, 0].map(() => ['a', 'b', 'c', 'd', 'e']));
  });

  it('is refused when a byte of it is damaged, or when it was cut', async () => {
    const whole = Buffer.concat(await exported());
    world = new World();
    const peers = [{ id: 7n, address: 'address-7' }];
    for (let at = 0; at < whole.length; at += 7) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 4;
      for (const bytes of [damaged, whole.subarray(0, at)]) {
        await expect(
          world.start(7n, peers, undefined, { snapshot: streamOf([bytes]) }),
        ).rejects.toMatchObject({ code: 'RAFT_STATE_UNREADABLE' });
      }
    }
  });
});

describe('readiness', () => {
  it('begins with a leader and what was committed before, and ends with the node', async () => {
    world = new World();
    await world.startAll(2);
    const { raft } = world.member(1n);
    expect(raft.readiness()).toEqual({ ready: false, reason: 'no leader is known' });
    await proposeAll('a');
    await world.pass(500);
    expect(raft.readiness()).toEqual({ ready: true });
    world.wire.cut.add(1n);
    await world.pass(5000);
    expect(raft.readiness()).toMatchObject({ ready: false });
    await world.until(raft.shutdown());
    expect(raft.readiness()).toEqual({ ready: false, reason: 'the node has stopped' });
    world.members.delete(1n);
  });
});

describe('shutdown', () => {
  it('closes everything, and twice is harmless', async () => {
    world = new World();
    await world.startAll(1);
    const { raft, machine } = await world.leader();
    await world.until(Promise.all([raft.shutdown(), raft.shutdown()]));
    await world.until(raft.shutdown());
    expect(machine.closed).toBe(1);
    await expect(raft.linearizableRead()).rejects.toMatchObject({ code: 'RAFT_STOPPED' });
    await expect(raft.manualSnapshot()).rejects.toMatchObject({ code: 'RAFT_STOPPED' });
  });

  it('does not wait for a disk that never answers', async () => {
    world = new World();
    await world.startAll(1);
    await proposeAll('a');
    const { raft } = await world.leader();
    world.faults.held.set(1n, new Promise(() => undefined));
    const snapshot = raft.manualSnapshot();
    snapshot.catch(() => undefined);
    await world.pass(100);
    await world.until(raft.shutdown());
    await expect(snapshot).rejects.toMatchObject({ code: 'RAFT_STOPPED' });
    expect(() => raft.status()).toThrow(expect.objectContaining({ code: 'RAFT_STOPPED' }));
    world.members.clear();
  });

  it('all members one after the other, and nothing is lost', async () => {
    world = new World();
    await world.startAll(3);
    for (const id of [1n, 2n, 3n]) {
      await proposeAll(`before-${id}`);
      await world.restart(id);
    }
    await proposeAll('end');
    await world.pass(1000);
    const all = ['before-1', 'before-2', 'before-3', 'end'];
    expect(applied()).toEqual([all, all, all]);
  });
});

describe('a disk', () => {
  it('that is full loses nothing: the node goes on when there is space again', async () => {
    world = new World();
    await world.startAll(1);
    await proposeAll('a');
    const { raft, machine } = await world.leader();
    const full: boolean[] = [];
    raft.subscribe((event) => {
      if (event.type === 'disk-full') full.push(event.full);
    });
    world.faults.save = new NoSpaceError('no space is left', new Error('ENOSPC'));
    const waiting = raft.propose(bytesOf('b'));
    await world.pass(1000);
    await expect(raft.propose(bytesOf('c'))).rejects.toMatchObject({
      code: 'RAFT_BUSY',
      message: expect.stringContaining('the disk of this node is full'),
    });
    world.faults.save = undefined;
    await world.until(waiting);
    await proposeAll('d');
    expect(machine.texts).toEqual(['a', 'b', 'd']);
    expect(full).toEqual([true, false]);
  });

  it('without free descriptors loses nothing: the node reports why it waits, and goes on by itself', async () => {
    world = new World();
    await world.startAll(1);
    await proposeAll('a');
    const { raft, machine } = await world.leader();
    const reasons: (string | undefined)[] = [];
    raft.subscribe((event) => {
      if (event.type === 'system-short') reasons.push(event.reason);
    });
    const reason = 'no file descriptor is left';
    world.faults.save = new TryAgainError(reason, new Error('EMFILE'));
    const waiting = raft.propose(bytesOf('b'));
    await world.pass(1000);
    expect(raft.readiness()).toEqual({ ready: false, reason });
    expect(raft.status().diskFull).toBe(false);
    await expect(raft.propose(bytesOf('c'))).rejects.toMatchObject({
      code: 'RAFT_BUSY',
      message: expect.stringContaining(reason),
    });
    world.faults.save = undefined;
    await world.until(waiting);
    await proposeAll('d');
    expect(machine.texts).toEqual(['a', 'b', 'd']);
    expect(reasons).toEqual([reason, undefined]);
    expect(raft.readiness()).toEqual({ ready: true });
  });

  it('that fails stops the node with the cause, and nothing is acknowledged', async () => {
    world = new World();
    await world.startAll(1);
    await proposeAll('a');
    const { raft } = await world.leader();
    const causes: unknown[] = [];
    raft.subscribe((event) => {
      if (event.type === 'stopped') causes.push(event.cause);
    });
    world.faults.save = new SyncFailedError('the sync failed', new Error('EIO'));
    await expect(world.until(raft.propose(bytesOf('b')))).rejects.toMatchObject({
      code: 'RAFT_OUTCOME_UNKNOWN',
    });
    await world.pass(100);
    expect(causes).toMatchObject([{ code: 'WAL_POISONED' }]);
  });
});

describe('what must be durable first', () => {
  it('requests for votes are sent when their term is: otherwise a node that crashes could lead it twice', async () => {
    world = new World();
    await world.startAll(3);
    await proposeAll('a');
    const { raft } = await world.leader();
    const { nodeId } = (await world.follower()).raft;
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    world.faults.held.set(nodeId, held);
    const requests = (): number =>
      world.wire.sent.filter(
        ({ from, message }) => from === nodeId && message.type === MessageType.Vote,
      ).length;
    const before = requests();
    const transferred = raft.transferLeader(nodeId);
    await world.pass(300);
    expect(requests()).toBe(before);
    world.faults.held.clear();
    release();
    await world.until(transferred);
    expect(requests()).toBeGreaterThan(before);
  });

  it('the commit index is, before a change of the membership takes effect', async () => {
    world = new World();
    await world.startAll(3);
    const { raft } = await world.leader();
    const seen: number[] = [];
    for (const member of world.members.values()) {
      const before = world.faults.syncs;
      member.raft.subscribe((event) => {
        if (event.type === 'membership') seen.push(world.faults.syncs - before);
      });
    }
    await world.until(raft.addLearner({ id: 9n, address: 'address-9' }));
    await world.pass(500);
    // Each of the three has synced its log before it answered.
    expect(seen).toHaveLength(3);
    for (const [at, syncs] of seen.entries()) expect(syncs).toBeGreaterThan(at);
  });
});

describe('a survivor alone', () => {
  it.each([
    ['without snapshot', false],
    ['with snapshot', true],
  ])(
    'goes on with everything it has, also what it did not know to be committed: %s',
    async (_, takes) => {
      world = new World();
      await world.startAll(3);
      await proposeAll('a', 'b');
      await world.pass(500);
      if (takes)
        for (const { raft } of world.members.values()) await world.until(raft.manualSnapshot());
      const survivor = await world.follower();
      const { nodeId } = survivor.raft;
      const { raft } = await world.leader();
      await world.until(raft.addLearner({ id: 9n, address: 'address-9' }));
      // The entry is acknowledged by the leader with this follower, which does not learn the commit
      // index.
      const other = (await world.followers()).find((member) => member !== survivor);
      world.wire.cut.add(other?.raft.nodeId ?? 0n);
      await proposeAll('c');
      for (const member of world.members.values()) await world.until(member.raft.shutdown());
      world.members.clear();
      world.wire.cut.clear();
      const alone = await world.until(world.start(nodeId, 'alone', survivor));
      await proposeAll('d');
      expect(alone.machine.texts).toEqual(['a', 'b', 'c', 'd']);
      const { members, removed, identity } = alone.raft.clusterInfo();
      expect(identity.previous).toHaveLength(1);
      expect(world.logged('error', 'a committed entry')).toEqual([]);
      expect(members.map(({ id, role }) => [id, role])).toEqual([[nodeId, 'voter']]);
      expect(removed).toContain(9n);
      expect(removed).toHaveLength(3);
      const again = await world.restart(nodeId);
      await world.leader();
      await world.pass(500);
      expect(again.machine.texts).toEqual(['a', 'b', 'c', 'd']);
    },
  );

  it('needs a log', async () => {
    world = new World();
    await expect(world.start(1n, 'alone')).rejects.toMatchObject({ code: 'RAFT_NO_LOG' });
  });
});
