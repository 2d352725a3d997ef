/** Manual snapshots while automatic ones are made. */
import { expect, it } from 'vitest';
import { ScriptedCluster } from './scripted-cluster.ts';

it('a snapshot by hand holds what was applied when it was asked for, also while another is being made', async () => {
  const cluster = new ScriptedCluster({
    machineKind: 'concurrent',
    snapshotEntries: 3,
    clientCount: 6,
    syncs: { syncMsMax: 40, stallShare: 0, stallMs: 0 },
  });
  await cluster.start();
  const { raft } = (await cluster.leader()).incarnation ?? {};
  if (raft === undefined) throw new Error('the leader runs');
  for (let attempt = 0; attempt < 40; attempt += 1) {
    const { appliedIndex } = raft.status();
    const { index } = await cluster.until(raft.manualSnapshot());
    expect(index).toBeGreaterThanOrEqual(appliedIndex);
    await cluster.pass(13);
  }
  await cluster.expectSettled();
});
