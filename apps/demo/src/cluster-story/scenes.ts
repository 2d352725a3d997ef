/** What happens to the cluster while it is loaded. */
import type { ClusterNode } from '../cluster/cluster.ts';
import { byteSize, duration } from '../common/figures.ts';
import type { Stage } from './stage.ts';

export interface Failover {
  readonly killed: ClusterNode;
  /** From SIGKILL until a write was acknowledged that began after it. */
  readonly tookMs: number;
}

export async function killLeader(stage: Stage): Promise<Failover> {
  const leader = await stage.leader();
  const { processId } = leader.handle;
  const startMs = performance.now();
  await stage.cluster.kill(leader.id);
  stage.timeline.note(`node ${leader.id}, the leader, is killed (SIGKILL, process ${processId})`);
  await stage.admin.put('story/failover', new Uint8Array(0));
  const tookMs = performance.now() - startMs;
  const next = await stage.leader();
  stage.timeline.good(
    `node ${next.id} leads; the first write is acknowledged after ${duration(tookMs)}`,
  );
  return { killed: leader, tookMs };
}

/** On the directory that it has left. Its log still has its entries: no snapshot is needed. */
export async function restartKilled(stage: Stage, node: ClusterNode): Promise<void> {
  const startMs = performance.now();
  const { tookOver } = await stage.watchingSnapshots(node.id, async () => {
    await stage.cluster.start(node.id);
    const leader = await stage.leader();
    const { commitIndex } = await stage.admin.cluster.status({ at: leader.apiUrl });
    await stage.eventually(`node ${node.id} at index ${commitIndex}`, async () => {
      const { appliedIndex } = await stage.admin.cluster.status({ at: node.apiUrl });
      return appliedIndex >= commitIndex ? true : undefined;
    });
  });
  const how = tookOver ? 'from a snapshot' : 'from its own log and what it had missed';
  stage.timeline.good(
    `node ${node.id} is back on its directory and has caught up in ${duration(performance.now() - startMs)}, ${how}`,
  );
}

/** A place for one more node, known to the members; its process is not started yet. */
export async function addLearner(stage: Stage): Promise<bigint> {
  const { cluster, admin } = stage;
  const { id, address, apiUrl: api } = await cluster.prepare();
  // Refused while another change is under way, as that of a node that makes its API known.
  await stage.eventually(`node ${id} as a learner`, async () => {
    const { members } = await admin.cluster.members();
    if (members.every((member) => member.id !== id)) {
      await admin.cluster.addMember({ id, address, role: 'learner', api });
    }
    return true;
  });
  return id;
}

/** A learner that gets a snapshot and what follows, and then a vote. */
export async function newcomerBySnapshot(stage: Stage): Promise<void> {
  const { admin, cluster, timeline } = stage;
  const leader = await stage.leader();
  const { index } = await admin.cluster.takeSnapshot({ at: leader.apiUrl });
  const { keys, bytes } = await admin.cluster.status({ at: leader.apiUrl });
  timeline.note(`a snapshot at index ${index}: ${keys} keys, ${byteSize(bytes)}`);
  const id = await addLearner(stage);
  const startMs = performance.now();
  await stage.watchingSnapshots(id, async (hasTakenOver) => {
    await cluster.start(id);
    timeline.note(`node ${id} joins as a learner`);
    await stage.eventually(`a snapshot on node ${id}`, async () => hasTakenOver() || undefined);
  });
  timeline.note(
    `node ${id} has taken over a snapshot after ${duration(performance.now() - startMs)}`,
  );
  await stage.eventually(`a vote for node ${id}`, async () => {
    await admin.cluster.promoteMember(id);
    return true;
  });
  timeline.good(
    `node ${id} has caught up and has a vote after ${duration(performance.now() - startMs)}`,
  );
}

/** A follower of the first members leaves for good. */
export async function letOneGo(stage: Stage): Promise<void> {
  const { admin, cluster, timeline } = stage;
  const leader = await stage.leader();
  const leaving = cluster.running.find(({ id, isFirst }) => isFirst && id !== leader.id);
  if (leaving === undefined) return;
  await stage.eventually(`node ${leaving.id} is removed`, async () => {
    const { members } = await admin.cluster.members();
    if (members.every(({ id }) => id !== leaving.id)) return true;
    await admin.cluster.removeMember(leaving.id);
    return true;
  });
  await cluster.remove(leaving.id);
  timeline.good(`node ${leaving.id} is removed, and its process has ended`);
}
