/** A node tells every caller when it stops, or when it cannot learn an outcome any more. */
import { MessageType } from '@babuza/raftpb';
import { NoSpaceError, TryAgainError } from '@babuza/wal-core';
import { afterEach, describe, expect, it } from 'vitest';
import { bytesOf, World } from './support.ts';

let world: World;

afterEach(() => world.close());

/** How each call ended, as soon as it did. */
function ends(calls: Readonly<Record<string, Promise<unknown>>>): Map<string, string> {
  const noted = new Map<string, string>();
  for (const [name, call] of Object.entries(calls)) {
    call.then(
      () => noted.set(name, 'done'),
      (error: unknown) => noted.set(name, String(Reflect.get(Object(error), 'code'))),
    );
  }
  return noted;
}

describe('the end of a node', () => {
  it('is told to every caller at once', async () => {
    world = new World({ forwardProposals: true });
    await world.startAll(3);
    const { raft } = await world.leader();
    const follower = await world.follower();
    await world.until(raft.propose(bytesOf('a')));
    await world.until(follower.raft.waitForLeader());
    // Nothing is committed from now on, and no caller gets an answer.
    world.wire.loses = () => true;
    const noted = ends({
      proposal: raft.propose(bytesOf('b')),
      barrier: raft.barrier(),
      read: raft.linearizableRead(),
      index: raft.waitForApplied(1_000_000),
      change: raft.publishApplicationService({ name: 'http', address: 'address' }),
    });
    const forwarded = ends({ forwarded: follower.raft.propose(bytesOf('c')) });
    await world.pass(20);
    expect([...noted, ...forwarded]).toEqual([]);
    const stopping = Promise.all([raft.shutdown(), follower.raft.shutdown()]);
    await world.until(stopping);
    expect(Object.fromEntries(noted)).toEqual({
      proposal: 'RAFT_OUTCOME_UNKNOWN',
      barrier: 'RAFT_OUTCOME_UNKNOWN',
      read: 'RAFT_STOPPED',
      index: 'RAFT_STOPPED',
      change: 'RAFT_OUTCOME_UNKNOWN',
    });
    expect(forwarded.get('forwarded')).toBe('RAFT_OUTCOME_UNKNOWN');
  });
});

describe('a caller whose outcome this node cannot learn', () => {
  it('is told where the leader was removed before the entry was committed', async () => {
    world = new World();
    await world.startAll(3);
    const { raft } = await world.leader();
    await world.until(raft.propose(bytesOf('a')));
    const { commitIndex } = raft.status();
    // The others get the removal, and nothing behind it.
    world.wire.loses = ({ type, entries }) =>
      type === MessageType.App && entries.some(({ index }) => index > commitIndex + 1);
    const removing = raft.removePeer(raft.nodeId);
    const noted = ends({ proposal: raft.propose(bytesOf('b')) });
    await world.until(removing);
    await world.pass(100);
    expect(noted.get('proposal')).toBe('RAFT_OUTCOME_UNKNOWN');
  });

  it('is told where this node has lost the leader that had the proposal', async () => {
    world = new World({ forwardProposals: true, forwardTimeoutMs: 1_000_000 });
    await world.startAll(3);
    await world.until((await world.leader()).raft.propose(bytesOf('a')));
    const { raft } = await world.follower();
    await world.until(raft.waitForLeader());
    const leaders: bigint[] = [];
    raft.subscribe((event) => {
      if (event.type === 'leader') leaders.push(event.leader);
    });
    // No leader is elected.
    world.wire.loses = () => true;
    const noted = ends({ forwarded: raft.propose(bytesOf('b')) });
    await world.pass(5000);
    expect([noted.get('forwarded'), raft.leader(), leaders]).toEqual([
      'RAFT_OUTCOME_UNKNOWN',
      undefined,
      [0n],
    ]);
  });

  it('is told where a snapshot of another leader covers the index', async () => {
    world = new World({ snapshotEntries: 10, snapshotsKept: 2, compactionMargin: 0 });
    await world.startAll(3);
    const old = await world.leader();
    await world.until(old.raft.propose(bytesOf('a')));
    world.wire.cut.add(old.raft.nodeId);
    const noted = ends({ proposal: old.raft.propose(bytesOf('lost')) });
    await world.pass(5000);
    const others = [...world.members.values()].filter((member) => member !== old);
    const next = others.find(({ raft }) => raft.status().role === 'leader');
    for (let at = 0; at < 30; at += 1) {
      await world.until(next?.raft.propose(bytesOf(`${at}`)) ?? Promise.reject(new Error('none')));
    }
    await world.pass(1000);
    expect(noted.size).toBe(0);
    const installed: number[] = [];
    old.raft.subscribe((event) => {
      if (event.type === 'snapshot-installed') installed.push(event.metadata.index);
    });
    const applied = ends({ index: old.raft.waitForApplied(30) });
    world.wire.cut.clear();
    await world.pass(5000);
    expect(installed).toHaveLength(1);
    expect(noted.get('proposal')).toBe('RAFT_OUTCOME_UNKNOWN');
    expect(applied.get('index')).toBe('done');
  });
});

describe('a follower whose saves are rejected', () => {
  it.each([
    ['the disk is full', () => new NoSpaceError('no space is left')],
    ['no descriptor is left', () => new TryAgainError('no descriptor is left')],
  ])('does not campaign: %s', async (_, error) => {
    world = new World();
    await world.startAll(2);
    const { raft } = await world.leader();
    await world.until(raft.propose(bytesOf('a')));
    const follower = await world.follower();
    const { nodeId } = follower.raft;
    world.faults.onSave = (id) => {
      if (id === nodeId) throw error();
    };
    raft.propose(bytesOf('b')).catch(() => undefined);
    await world.pass(500);
    world.wire.cut.add(raft.nodeId);
    world.wire.sent.length = 0;
    await world.pass(20_000);
    const campaigns = world.wire.sent.filter(
      ({ from, message: { type } }) =>
        from === nodeId && (type === MessageType.PreVote || type === MessageType.Vote),
    );
    expect([campaigns, follower.raft.status().leader]).toEqual([[], 0n]);
    world.faults.onSave = undefined;
    world.wire.cut.clear();
    await world.pass(5000);
    expect(follower.machine.texts).toContain('a');
  });
});
