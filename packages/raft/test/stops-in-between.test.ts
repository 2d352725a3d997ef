/**
 * A node that stops between two steps of a call, at each moment: the entry that the call waits for
 * is applied, and the call has not gone on yet.
 */
import { describe, expect, it } from 'vitest';
import { bytesOf, World } from './support.ts';

/** The node stops this many turns of the microtask queue after a change of the membership. */
const moments = Array.from({ length: 7 }, (_, at) => at);

async function stopsBehind(
  turns: number,
  call: (world: World) => Promise<unknown>,
): Promise<unknown> {
  const world = new World();
  await world.startAll(1);
  const { raft } = await world.leader();
  await world.until(raft.propose(bytesOf('first')));
  let shutdown: Promise<void> | undefined;
  raft.subscribe(({ type }) => {
    if (type !== 'membership' || shutdown !== undefined) return;
    shutdown = (async () => {
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      await raft.shutdown();
    })();
  });
  const called = call(world).then(
    () => 'done',
    (error: unknown) => error,
  );
  const end = await world.until(called);
  await world.until(raft.whenStopped());
  await shutdown;
  return end;
}

const isTold = { code: expect.stringMatching(/^RAFT_(STOPPED|OUTCOME_UNKNOWN)$/) };

describe('a node that stops', () => {
  it.each(moments)('when a learner was added that is to vote, after %i turns', async (turns) => {
    const end = await stopsBehind(turns, (world) =>
      world.member(1n).raft.addVotingPeer({ id: 2n, address: 'address-2' }),
    );
    expect(end).toMatchObject(isTold);
  });

  it.each(moments)('when joint consensus was entered, after %i turns', async (turns) => {
    const end = await stopsBehind(turns, (world) =>
      world.member(1n).raft.changeMembership([
        { op: 'set', id: 2n, role: 'learner', address: 'address-2' },
        { op: 'set', id: 3n, role: 'learner', address: 'address-3' },
      ]),
    );
    expect(end).toMatchObject(isTold);
  });
});
