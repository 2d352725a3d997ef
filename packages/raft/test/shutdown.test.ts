/** Stopping a node while work is under way. */
import { describe, expect, it } from 'vitest';
import {
  bootstrapRaftCluster,
  defaultBabuzaConfig,
  type ConcurrentStateMachine,
} from '../src/index.ts';
import { bytesOf, newGate, World } from './support.ts';

describe('a state machine that is being saved', () => {
  it('is closed when the saving has ended, and not beside it', async () => {
    const world = new World();
    const [began, goOn] = [newGate(), newGate()];
    const steps: string[] = [];
    const machine: ConcurrentStateMachine = {
      kind: 'concurrent',
      apply: (entries) => entries.map(() => undefined),
      query: () => undefined,
      prepareSnapshot: () => undefined,
      saveSnapshot: async (_, writer) => {
        began.open();
        await goOn.passed;
        steps.push('looks at its files');
        await writer.write(bytesOf('a'));
      },
      restoreSnapshot: async () => undefined,
      close: () => void steps.push('closed'),
    };
    const raft = await bootstrapRaftCluster(
      defaultBabuzaConfig(1, 1, 'a'),
      [{ id: 1n, address: 'a' }],
      machine,
      await world.component(1n),
    );
    await world.until(raft.waitForLeader());
    await world.until(raft.propose(bytesOf('a')));
    const snapshot = raft.manualSnapshot();
    snapshot.catch(() => undefined);
    await world.until(began.passed);
    const stopped = raft.shutdown();
    await world.pass(1000);
    goOn.open();
    await world.until(stopped);
    expect(steps).toEqual(['looks at its files', 'closed']);
    await expect(snapshot).rejects.toMatchObject({ code: 'RAFT_STOPPED' });
  });
});

describe('a caller that waits when a node stops', () => {
  it('for a leader, or for a transfer, is told at once, whatever its components still do', async () => {
    const world = new World();
    await world.startAll(2);
    const leader = await world.leader();
    const joiner = await world.start(9n, undefined);
    const gate = newGate();
    for (const { machine } of [leader, joiner])
      Object.assign(machine, { close: () => gate.passed });
    world.wire.cut.add((await world.follower()).raft.nodeId);
    const waiting = [leader.raft.transferLeader(), joiner.raft.waitForLeader()];
    for (const waits of waiting) waits.catch(() => undefined);
    const stopped = [leader, joiner].map(({ raft }) => raft.shutdown());
    for (const waits of waiting) {
      await expect(waits).rejects.toMatchObject({ code: 'RAFT_STOPPED' });
    }
    gate.open();
    await world.until(Promise.all(stopped));
    await world.close();
  });
});
