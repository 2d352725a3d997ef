/** The end of a node beside what is under way. */
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
