/** Proposals that wait for the birth id of the cluster: each is told how the wait has ended. */
import { MessageType } from '@babuza/raftpb';
import { afterEach, describe, expect, it } from 'vitest';
import { bytesOf, handlersOf, World } from '../support.ts';

let world: World;

afterEach(() => world.close());

/** The outcome of the call, as soon as it has one. */
function ended(call: Promise<unknown>): string[] {
  const noted: string[] = [];
  call.then(
    () => noted.push('done'),
    (error: unknown) => noted.push(String(Reflect.get(Object(error), 'code'))),
  );
  return noted;
}

describe('a proposal that waits for the birth id', () => {
  it('goes on when the birth id arrives with a snapshot that is installed', async () => {
    world = new World({ forwardProposals: true, snapshotEntries: 10, compactionMargin: 0 });
    await world.startAll(1);
    const { raft } = await world.leader();
    for (let at = 0; at < 20; at += 1) await world.until(raft.propose(bytesOf(`${at}`)));
    await world.until(raft.manualSnapshot());
    // The joiner learns the leader, and receives no entries.
    world.wire.refusingSnapshots.add(2n);
    const joiner = await world.start(2n, undefined);
    await world.until(raft.addLearner({ id: 2n, address: 'address-2' }));
    await world.until(joiner.raft.waitForLeader());
    const proposal = ended(joiner.raft.propose(bytesOf('of the joiner')));
    await world.pass(1000);
    expect([proposal, joiner.raft.status().appliedIndex]).toEqual([[], 0]);
    expect(joiner.raft.leader()?.id).toBe(1n);
    const installed: number[] = [];
    joiner.raft.subscribe((event) => {
      if (event.type === 'snapshot-installed') installed.push(event.metadata.index);
    });
    world.wire.refusingSnapshots.clear();
    await world.pass(60_000);
    expect(installed).toHaveLength(1);
    expect(proposal).toEqual(['done']);
    expect(joiner.machine.texts.at(-1)).toBe('of the joiner');
  });

  it('goes on when the birth id is committed', async () => {
    world = new World();
    world.wire.loses = ({ type, entries }) => type === MessageType.App && entries.length > 0;
    await world.startAll(3);
    const leader = await world.leader();
    const proposal = ended(leader.raft.propose(bytesOf('early')));
    await world.pass(100);
    expect(proposal).toEqual([]);
    world.wire.loses = () => false;
    await world.pass(2000);
    expect([proposal, leader.machine.texts]).toEqual([['done'], ['early']]);
  });

  it('is refused when the leader that was to fix the birth id does not lead any more', async () => {
    world = new World();
    // Leaders are elected, and nothing is ever committed.
    world.wire.loses = ({ type, entries }) => type === MessageType.App && entries.length > 0;
    await world.startAll(3);
    const { raft } = await world.leader();
    const proposal = ended(raft.propose(bytesOf('too early')));
    await world.pass(100);
    expect([proposal, raft.status().role]).toEqual([[], 'leader']);
    world.wire.loses = () => true;
    await world.pass(5000);
    expect([proposal, raft.leader()]).toEqual([['RAFT_NOT_LEADER'], undefined]);
  });
});

it('a member that learns its cluster from a snapshot says so, and refuses members of another one', async () => {
  world = new World({ snapshotEntries: 10, compactionMargin: 0 });
  const handlers = handlersOf(world);
  const only = await world.start(1n, [{ id: 1n, address: 'address-1' }]);
  await world.until(only.raft.waitForLeader());
  for (let at = 0; at < 20; at += 1) await world.until(only.raft.propose(bytesOf(`${at}`)));
  await world.until(only.raft.manualSnapshot());
  const joiner = await world.start(2n, undefined);
  const handler = handlers.get(2n);
  const introduction = JSON.parse(handler?.introduction() ?? '');
  expect(introduction.birth).toBeUndefined();
  // The cluster is not known yet, so a member of any cluster is admitted.
  const stranger = { ...introduction, logId: 'e'.repeat(32), birth: 'f'.repeat(32) };
  expect(handler?.admit(9n, JSON.stringify(stranger))).toBeUndefined();
  const refused: bigint[] = [];
  joiner.raft.subscribe((event) => {
    if (event.type === 'member-refused') refused.push(event.id);
  });
  await world.until(only.raft.addLearner({ id: 2n, address: 'address-2' }));
  await world.pass(2000);
  expect(joiner.raft.status().appliedIndex).toBe(only.raft.status().appliedIndex);
  const { birth } = only.raft.clusterInfo().identity;
  expect(JSON.parse(handler?.introduction() ?? '').birth).toBe(birth);
  expect(refused).toEqual([9n]);
});
