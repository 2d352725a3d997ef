/** A signal ends every wait of its caller, and is checked before anything is done. */
import { getEventListeners } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import type { Raft, WaitOptions } from '../src/index.ts';
import { bytesOf, newGate, World } from './support.ts';

let world: World;

afterEach(() => world.close());

type Calls = Readonly<
  Record<string, (raft: Raft<undefined, string[]>, options: WaitOptions) => unknown>
>;

const reason = new Error('enough of it');

const calls: Calls = {
  propose: (raft, options) => raft.propose(bytesOf('unwanted'), options),
  linearizableRead: (raft, options) => raft.linearizableRead(options),
  read: (raft, options) => raft.read(undefined, options),
  staleRead: (raft, options) => raft.staleRead(undefined, options),
  barrier: (raft, options) => raft.barrier(options),
  verifyLeader: (raft, options) => raft.verifyLeader(options),
  'waitForApplied, of what is applied': (raft, options) => raft.waitForApplied(1, options),
  waitForLeader: (raft, options) => raft.waitForLeader(options),
  addVotingPeer: (raft, options) => raft.addVotingPeer({ id: 9n, address: 'nine' }, options),
  addLearner: (raft, options) => raft.addLearner({ id: 9n, address: 'nine' }, options),
  'promoteLearner, of nobody': (raft, options) => raft.promoteLearner(99n, options),
  demoteVoter: (raft, options) => raft.demoteVoter(2n, options),
  removePeer: (raft, options) => raft.removePeer(2n, options),
  updatePeer: (raft, options) => raft.updatePeer({ id: 2n, address: 'nine' }, options),
  publish: (raft, options) => raft.publishApplicationService({ name: 'a', address: 'b' }, options),
  transferLeader: (raft, options) => raft.transferLeader(undefined, options),
  'transferLeader, to itself': (raft, options) => raft.transferLeader(raft.nodeId, options),
  manualSnapshot: (raft, options) => raft.manualSnapshot(options),
  exportSnapshot: (raft, options) => raft.exportSnapshot(options).next(),
  registerSession: (raft, options) => raft.registerSession(options),
  unregisterSession: (raft, options) => raft.unregisterSession(1, options),
};

describe('a signal that has fired before', () => {
  it('ends each call of the leader and of a follower with its reason, and nothing was done', async () => {
    world = new World();
    await world.startAll(3);
    const { raft } = await world.leader();
    const follower = (await world.follower()).raft;
    await world.until(raft.propose(bytesOf('wanted')));
    const before = raft.status().lastIndex;
    for (const member of [raft, follower]) {
      for (const [name, call] of Object.entries(calls)) {
        const waited = Promise.resolve(call(member, { signal: AbortSignal.abort(reason) }));
        await expect(world.until(waited), name).rejects.toBe(reason);
      }
    }
    await world.pass(1000);
    expect(raft.status().lastIndex).toBe(before);
  });
});

describe('a signal', () => {
  it('ends the waiting for the answer of a state machine, and leaves no listener behind', async () => {
    world = new World();
    await world.startAll(1);
    const { raft, machine } = await world.leader();
    const gate = newGate();
    Object.assign(machine, { query: () => gate.passed });
    for (const name of ['read', 'staleRead'] as const) {
      const controller = new AbortController();
      const { signal } = controller;
      const waited = raft[name](undefined, { signal });
      waited.catch(() => undefined);
      await world.pass(1000);
      controller.abort(reason);
      await expect(waited).rejects.toBe(reason);
      expect(getEventListeners(signal, 'abort')).toEqual([]);
    }
  });

  it('ends the waiting for a chunk of an exported snapshot', async () => {
    world = new World();
    await world.startAll(1);
    const { raft, snapshots } = await world.leader();
    const gate = newGate();
    const read = snapshots.read.bind(snapshots);
    snapshots.read = async (at) => ({
      ...(await read(at)),
      async *readFile() {
        await gate.passed;
        yield bytesOf('late');
      },
    });
    await world.until(raft.propose(bytesOf('wanted')));
    const controller = new AbortController();
    const stream = raft.exportSnapshot({ signal: controller.signal });
    const all = (async () => {
      for await (const _ of stream);
    })();
    all.catch(() => undefined);
    await world.pass(1000);
    controller.abort(reason);
    await expect(all).rejects.toBe(reason);
    gate.open();
  });
});

describe('a change of the role', () => {
  it('of a member that a follower does not know is judged by the leader', async () => {
    world = new World();
    await world.startAll(3);
    const { raft } = await world.follower();
    for (const name of ['promoteLearner', 'demoteVoter'] as const) {
      await expect(raft[name](9n)).rejects.toMatchObject({ code: 'RAFT_NOT_LEADER' });
    }
    await world.until(raft.shutdown());
    for (const name of ['promoteLearner', 'demoteVoter'] as const) {
      await expect(raft[name](9n)).rejects.toMatchObject({ code: 'RAFT_STOPPED' });
    }
    world.members.delete(raft.nodeId);
  });
});

describe('a read', () => {
  it.each(['the leader', 'a follower'])(
    'at %s has no deadline of its own while its index waits for the state machine, and its signal ends that',
    async (whose) => {
      world = new World({ readTimeoutMs: 200, readRetryMs: 100 });
      await world.startAll(3);
      const leader = await world.leader();
      const { raft, machine } = whose === 'the leader' ? leader : await world.follower();
      await world.until(raft.linearizableRead());
      const gate = newGate();
      const apply = machine.apply.bind(machine);
      Object.assign(machine, {
        apply: async (entries: Parameters<typeof apply>[0]) => {
          await gate.passed;
          return apply(entries);
        },
      });
      const proposed = leader.raft.propose(bytesOf('slow'));
      await world.pass(1000);
      const controller = new AbortController();
      const { signal } = controller;
      const ends: string[] = [];
      const note = (name: string, waited: Promise<unknown>): void => {
        waited.then(
          () => ends.push(`${name} answered`),
          (error: unknown) => ends.push(`${name} ${error === reason ? 'aborted' : String(error)}`),
        );
      };
      note('linearizableRead', raft.linearizableRead({ signal }));
      note('read', raft.read(undefined, { signal }));
      const waits = raft.read(undefined);
      note('read without a signal', waits);
      // The read was confirmed long ago, far beyond the timeout of the confirmation.
      await world.pass(5000);
      expect([ends, raft.status().reads.pending]).toEqual([[], 3]);
      controller.abort(reason);
      await world.pass(0);
      expect(ends).toEqual(['linearizableRead aborted', 'read aborted']);
      expect(raft.status().reads.pending).toBe(1);
      expect(getEventListeners(signal, 'abort')).toEqual([]);
      gate.open();
      expect(await world.until(waits)).toContain('slow');
      await world.until(proposed);
    },
  );

  it('is ended by its signal before a leader has confirmed it, too', async () => {
    world = new World({ readTimeoutMs: 60_000 });
    await world.startAll(3);
    const { raft } = await world.follower();
    world.wire.cut.add(raft.nodeId);
    const controller = new AbortController();
    const waited = raft.read(undefined, { signal: controller.signal });
    waited.catch(() => undefined);
    await world.pass(500);
    expect(raft.status().reads.pending).toBe(1);
    controller.abort(reason);
    await expect(waited).rejects.toBe(reason);
    expect(raft.status().reads.pending).toBe(0);
  });

  it('ends in time also where the next attempt would come much later', async () => {
    world = new World({ readTimeoutMs: 200, readRetryMs: 60_000 });
    await world.startAll(3);
    const { raft } = await world.leader();
    for (const id of world.members.keys()) if (id !== raft.nodeId) world.wire.cut.add(id);
    const from = world.clock.monotonicMs();
    await expect(world.until(raft.linearizableRead())).rejects.toMatchObject({
      code: 'RAFT_OUTCOME_UNKNOWN',
    });
    expect(world.clock.monotonicMs() - from).toBeLessThan(500);
  });
});
