/** Proposals of one moment go to the core, the log and the others together. */
import { StateType } from '@babuza/raft-core';
import { MessageType } from '@babuza/raftpb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ProposalQueue } from '../src/proposals/proposal-queue.ts';
import { bytesOf, textOf, World } from './support.ts';

let world: World;

// Each test has a world of its own, even one that starts no member.
beforeEach(() => {
  world = new World();
});
afterEach(() => world.close());

const named = (name: string, count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, at) => bytesOf(`${name}${at}`));

/** The number of entries in each message to this member that had any. */
const entriesPerMessage = (to: bigint): number[] =>
  world.wire.sent
    .filter(({ message }) => message.to === to && message.type === MessageType.App)
    .map(({ message }) => message.entries.length)
    .filter((entries) => entries > 0);

describe('proposals of one moment', () => {
  it('are one message to each other member, and each has its own place and answer', async () => {
    world = new World();
    await world.startAll(3);
    const { raft } = await world.leader();
    const follower = await world.follower();
    await world.until(raft.propose(bytesOf('first')));
    world.wire.sent.length = 0;
    const results = await world.until(
      Promise.all(named('n', 100).map((data) => raft.propose(data))),
    );
    expect(entriesPerMessage(follower.raft.nodeId)).toEqual([100]);
    const [start] = results;
    expect(results.map(({ index }) => index - (start?.index ?? 0))).toEqual([...results.keys()]);
    expect(results.map(({ result }) => textOf(result))).toEqual(
      results.map((_, at) => String(at + 2)),
    );
  });

  it('come before a barrier that is asked for after them', async () => {
    world = new World();
    await world.startAll(1);
    const { raft } = await world.leader();
    const proposed = raft.propose(bytesOf('a'));
    const barrier = raft.barrier();
    const { index } = await world.until(proposed);
    expect(await world.until(barrier)).toBe(index + 1);
  });

  it('of which not all may be uncommitted at once: the first are taken, the others refused', async () => {
    world = new World({ uncommittedBytesMax: 1000 });
    await world.startAll(3);
    const leader = await world.leader();
    await world.pass(500);
    world.wire.cut.add(leader.raft.nodeId);
    const ends = Promise.allSettled(
      Array.from({ length: 6 }, () => leader.raft.propose(new Uint8Array(200))),
    );
    await world.pass(100);
    world.wire.cut.clear();
    const codes = (await world.until(ends)).map((end) =>
      end.status === 'fulfilled' ? 'applied' : end.reason.code,
    );
    expect(codes).toEqual(['applied', 'applied', 'applied', 'applied', 'RAFT_BUSY', 'RAFT_BUSY']);
  });

  it('do not gather in memory beyond one message: what is more goes to the core at once', () => {
    const given: number[] = [];
    const queue = new ProposalQueue({
      batchBytesMax: 4096,
      give: (give) =>
        give({
          basicStatus: () => ({ raftState: StateType.Leader }),
          proposeAll: (data: readonly Uint8Array[]) => {
            given.push(data.length);
            return { index: 1, term: 1 };
          },
        } as never),
      notLeader: () => new Error('it leads'),
      wake: () => undefined,
    });
    const nothing = (): void => undefined;
    for (let at = 0; at < 10; at += 1) {
      queue.add({
        data: new Uint8Array(1000),
        request: undefined,
        placed: () => nothing,
        forwarded: () => nothing,
        refused: nothing,
      });
    }
    // Four of them would exceed the bound with their index, term and type.
    expect(given).toEqual([3, 3, 3]);
    queue.flush();
    expect(given).toEqual([3, 3, 3, 1]);
  });
});
