/**
 * A new voter gets its vote when it can contribute to the quorum; a change that would cost the
 * quorum is refused.
 */
import { MessageType } from '@babuza/raftpb';
import { afterEach, describe, expect, it } from 'vitest';
import type { MembershipOperation, VoterProgress } from '../src/index.ts';
import { bytesOf, World } from './support.ts';

let world: World;

afterEach(() => world.close());

const newcomer = { id: 9n, address: 'address-9' };
const refused = { code: 'RAFT_CONF_CHANGE_REFUSED' };
const atRisk = { ...refused, message: expect.stringContaining('would have to answer') };
const reason = new Error('enough of it');

function roles(): Record<string, string> {
  const running = [...world.members.values()].map((member) => member.raft);
  const raft = running.find((node) => node.leader()?.id === node.nodeId) ?? running[0];
  const members = raft?.clusterInfo().members ?? [];
  return Object.fromEntries(members.map(({ id, role }) => [id, role]));
}

/** Keeps a promise that is awaited later from being an unhandled rejection before. */
function kept<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

describe('addVotingPeer', () => {
  it('with an address where no member answers leaves a cluster of one in service, until it is ended', async () => {
    world = new World();
    await world.startAll(1);
    const { raft, machine } = await world.leader();
    const controller = new AbortController();
    const adding = kept(raft.addVotingPeer(newcomer, { signal: controller.signal }));
    await world.pass(60_000);
    await world.until(raft.propose(bytesOf('a')));
    await world.until(raft.linearizableRead());
    expect(roles()).toEqual({ 1: 'voter', 9: 'learner' });
    controller.abort(reason);
    await expect(adding).rejects.toBe(reason);
    await world.pass(60_000);
    expect(roles()).toEqual({ 1: 'voter', 9: 'learner' });
    await world.until(raft.removePeer(9n));
    await world.until(raft.propose(bytesOf('b')));
    expect(machine.texts).toEqual(['a', 'b']);
  });

  it('waits for a node that starts later, tells how far it is, and resolves when it votes', async () => {
    world = new World({ snapshotEntries: 40, compactionMargin: 5, applyBytesMax: 200 });
    await world.startAll(1);
    const { raft } = await world.leader();
    for (let at = 0; at < 100; at += 1) await world.until(raft.propose(bytesOf(`${at}`)));
    const told: VoterProgress[] = [];
    const onProgress = (progress: VoterProgress): void => void told.push(progress);
    const adding = kept(raft.addVotingPeer(newcomer, { onProgress }));
    await world.pass(5000);
    const joiner = await world.start(9n, undefined);
    await world.until(adding);
    expect(roles()).toEqual({ 1: 'voter', 9: 'voter' });
    expect(told[0]).toMatchObject({ id: 9n, matchIndex: 0 });
    expect(told[0]?.lastIndex).toBeGreaterThan(100);
    const last = told.at(-1);
    expect(last?.matchIndex).toBeGreaterThanOrEqual(0.95 * (last?.lastIndex ?? Infinity));
    await world.until(raft.propose(bytesOf('b')));
    await world.until(joiner.raft.waitForApplied(raft.status().appliedIndex));
    expect(joiner.machine.texts).toHaveLength(101);
  });

  it('goes on with a learner that is there, also one that an earlier call has left', async () => {
    world = new World();
    await world.startAll(1);
    const { raft } = await world.leader();
    await world.until(raft.addLearner(newcomer));
    const before = raft.status().lastIndex;
    const adding = kept(raft.addVotingPeer(newcomer));
    await world.pass(1000);
    expect(raft.status().lastIndex).toBe(before);
    await world.start(9n, undefined);
    await world.until(adding);
    expect(roles()).toEqual({ 1: 'voter', 9: 'voter' });
    // The call has no effect on a member that is a voter already.
    await world.until(raft.addVotingPeer(newcomer));
    expect(roles()).toEqual({ 1: 'voter', 9: 'voter' });
  });

  it('moves a learner that is there at another address, before it waits for it', async () => {
    world = new World();
    await world.startAll(1);
    const { raft } = await world.leader();
    await world.until(raft.addLearner({ id: 9n, address: 'nobody answers here' }));
    const adding = kept(raft.addVotingPeer(newcomer));
    await world.pass(1000);
    const known = raft.clusterInfo().members.find(({ id }) => id === 9n);
    expect(known).toMatchObject({ role: 'learner', address: newcomer.address });
    await world.start(9n, undefined);
    await world.until(adding);
    expect(roles()).toEqual({ 1: 'voter', 9: 'voter' });
  });

  it('does not promote a learner that has the log and does not answer any more', async () => {
    world = new World();
    await world.startAll(1);
    const { raft } = await world.leader();
    await world.until(raft.addLearner(newcomer));
    const { raft: joined } = await world.start(9n, undefined);
    await world.until(joined.waitForApplied(raft.status().appliedIndex));
    await world.pass(1000);
    world.wire.cut.add(9n);
    await world.pass(5000);
    const adding = kept(raft.addVotingPeer(newcomer));
    await world.pass(20_000);
    expect(roles()).toEqual({ 1: 'voter', 9: 'learner' });
    await expect(world.until(raft.promoteLearner(9n))).rejects.toMatchObject(atRisk);
    world.wire.cut.clear();
    await world.until(adding);
    expect(roles()).toEqual({ 1: 'voter', 9: 'voter' });
  });

  it('ends with the leadership, and the next leader goes on', async () => {
    world = new World();
    await world.startAll(3);
    const { raft } = await world.leader();
    const adding = kept(raft.addVotingPeer(newcomer));
    await world.pass(1000);
    await world.until(raft.transferLeader());
    await expect(world.until(adding)).rejects.toMatchObject({ code: 'RAFT_NOT_LEADER' });
    const next = await world.leader();
    expect(next.raft).not.toBe(raft);
    const again = kept(next.raft.addVotingPeer(newcomer));
    await world.start(9n, undefined);
    await world.until(again);
    expect(roles()).toEqual({ 1: 'voter', 2: 'voter', 3: 'voter', 9: 'voter' });
  });

  it('ends where the learner is removed meanwhile, and with the node', async () => {
    world = new World();
    await world.startAll(1);
    const { raft } = await world.leader();
    const first = kept(raft.addVotingPeer(newcomer));
    const second = kept(raft.addVotingPeer({ id: 8n, address: 'address-8' }));
    await expect(world.until(second)).rejects.toMatchObject(refused);
    await world.pass(1000);
    await world.until(raft.removePeer(9n));
    await expect(world.until(first)).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining('was removed'),
    });
    const third = kept(raft.addVotingPeer({ id: 8n, address: 'address-8' }));
    await world.pass(1000);
    await world.until(raft.shutdown());
    await expect(third).rejects.toMatchObject({ code: 'RAFT_STOPPED' });
    world.members.clear();
  });

  it('promotes after another change that was under way, and is not ended by it', async () => {
    world = new World();
    await world.startAll(3);
    const { raft } = await world.leader();
    const adding = kept(raft.addVotingPeer(newcomer));
    await world.pass(500);
    let isHeld = true;
    // The other change cannot be committed while the promotion is proposed.
    world.wire.loses = ({ type, to, from }) =>
      isHeld && type === MessageType.AppResp && to === raft.nodeId && from !== 9n;
    const publishing = kept(raft.publishApplicationService({ name: 'api', address: 'here' }));
    await world.start(9n, undefined);
    await world.pass(900);
    isHeld = false;
    await world.until(publishing);
    await world.until(adding);
    expect(roles()).toMatchObject({ 9: 'voter' });
  });

  it('that is forced gives the vote at once', async () => {
    world = new World();
    await world.startAll(1);
    const { raft } = await world.leader();
    await world.until(raft.addVotingPeer(newcomer, { force: true }));
    expect(roles()).toEqual({ 1: 'voter', 9: 'voter' });
  });

  it('rejects with what its listener throws, and leaves the learner', async () => {
    world = new World();
    await world.startAll(1);
    const { raft } = await world.leader();
    const onProgress = (): never => {
      throw reason;
    };
    await expect(world.until(raft.addVotingPeer(newcomer, { onProgress }))).rejects.toBe(reason);
    expect(roles()).toEqual({ 1: 'voter', 9: 'learner' });
  });
});

describe('changeMembership', () => {
  const asVoter = (id: bigint, address = `address-${id}`): MembershipOperation => ({
    op: 'set',
    id,
    role: 'voter',
    address,
  });

  it('lets new voters catch up before it changes anything else', async () => {
    world = new World();
    await world.startAll(2);
    const { raft } = await world.leader();
    const gone = (await world.follower()).raft.nodeId;
    const operations: MembershipOperation[] = [
      asVoter(8n),
      asVoter(9n),
      { op: 'remove', id: gone },
    ];
    const changing = kept(raft.changeMembership(operations));
    await world.start(8n, undefined);
    await world.pass(20_000);
    await world.until(raft.propose(bytesOf('a')));
    expect(roles()).toEqual({ 1: 'voter', 2: 'voter', 8: 'learner', 9: 'learner' });
    await world.start(9n, undefined);
    await world.until(changing);
    expect(roles()).toEqual({ [`${raft.nodeId}`]: 'voter', 8: 'voter', 9: 'voter' });
  });

  it('adds no learner for a change that is refused', async () => {
    world = new World();
    await world.startAll(1);
    const { raft } = await world.leader();
    for (const operations of [
      [asVoter(9n), { op: 'remove', id: 77n } as const],
      [asVoter(9n), asVoter(8n, 'address-9')],
    ]) {
      await expect(world.until(raft.changeMembership(operations))).rejects.toMatchObject(refused);
    }
    expect(roles()).toEqual({ 1: 'voter' });
  });

  it('swaps a member for a new one at its address at once, where the quorum allows it', async () => {
    world = new World();
    await world.startAll(3);
    const { raft } = await world.leader();
    const [a, b] = (await world.followers()).map((member) => member.raft.nodeId);
    const swap = (id: bigint, other = 0n): MembershipOperation[] => [
      { op: 'remove', id: other },
      asVoter(id, `address-${other}`),
    ];
    await world.until(raft.changeMembership(swap(9n, a)));
    await expect(world.until(raft.changeMembership(swap(8n, b)))).rejects.toMatchObject(atRisk);
    await world.until(raft.propose(bytesOf('a')));
  });
});

describe('the check of the quorum', () => {
  it('refuses to remove or demote a member that answers while another one is down, and allows the one that is down', async () => {
    world = new World();
    await world.startAll(3);
    const { raft } = await world.leader();
    const [down, up] = (await world.followers()).map((member) => member.raft.nodeId);
    world.wire.cut.add(down ?? 0n);
    await world.pass(3000);
    for (const id of [up ?? 0n, raft.nodeId]) {
      await expect(world.until(raft.removePeer(id))).rejects.toMatchObject(atRisk);
      await expect(world.until(raft.demoteVoter(id))).rejects.toMatchObject(atRisk);
    }
    await world.until(raft.removePeer(down ?? 0n));
    await world.until(raft.propose(bytesOf('a')));
    // Either of the two that answer may be removed.
    await world.until(raft.removePeer(up ?? 0n));
    await world.until(raft.propose(bytesOf('b')));
  });

  it('never refuses a healthy cluster, at whatever moment it is asked', async () => {
    world = new World();
    await world.startAll(3);
    const { raft } = await world.leader();
    const other = (await world.follower()).raft.nodeId;
    for (let at = 0; at < 40; at += 1) {
      await world.pass(37);
      await world.until(raft.demoteVoter(other));
      await world.pass(37);
      await world.until(raft.promoteLearner(other));
    }
  });

  it('does not look at changes that leave the voters alone', async () => {
    world = new World();
    await world.startAll(3);
    const { raft } = await world.leader();
    const [down] = (await world.followers()).map((member) => member.raft.nodeId);
    world.wire.cut.add(down ?? 0n);
    await world.pass(3000);
    await world.until(raft.addLearner(newcomer));
    await world.until(raft.updatePeer({ id: down ?? 0n, address: 'elsewhere' }));
    await world.until(raft.publishApplicationService({ name: 'api', address: 'here' }));
    await world.until(raft.removePeer(9n));
  });

  it('can be left out', async () => {
    world = new World();
    await world.startAll(3);
    const { raft } = await world.leader();
    const [down, up] = (await world.followers()).map((member) => member.raft.nodeId);
    world.wire.cut.add(down ?? 0n);
    await world.pass(3000);
    await world.until(raft.demoteVoter(up ?? 0n, { force: true }));
    expect(roles()).toMatchObject({ [`${up}`]: 'learner' });
    // Nothing is committed before the silent one answers again.
    const proposal = kept(raft.propose(bytesOf('a')));
    await world.pass(500);
    expect(raft.status().proposals.pending).toBe(1);
    world.wire.cut.clear();
    await world.until(proposal);
  });
});
