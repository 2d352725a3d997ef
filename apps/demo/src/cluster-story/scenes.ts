/** The changes and faults of the cluster story: a kill, a restart, a new member, a removal. */
import type { ClusterNode } from '../cluster/cluster.ts';
import { byteSize, duration } from '../common/figures.ts';
import type { Stage } from './stage.ts';

export interface Failover {
  readonly killed: ClusterNode;
  /** The time from SIGKILL to the acknowledgement of a write that began after it. */
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

/**
 * Restarts the node on its own directory. The leader's log still has the entries that it missed, so
 * no snapshot is needed.
 */
export async function restartKilled(stage: Stage, node: ClusterNode): Promise<void> {
  const startMs = performance.now();
  const { hasInstalledSnapshot } = await stage.watchingSnapshots(node.id, async () => {
    await stage.cluster.start(node.id);
    const leader = await stage.leader();
    const { commitIndex } = await stage.admin.cluster.status({ at: leader.apiUrl });
    await stage.eventually(`node ${node.id} at index ${commitIndex}`, async () => {
      const { appliedIndex } = await stage.admin.cluster.status({ at: node.apiUrl });
      return appliedIndex >= commitIndex ? true : undefined;
    });
  });
  const how = hasInstalledSnapshot
    ? 'from a snapshot'
    : 'from its own log and the entries that it had missed';
  stage.timeline.good(
    `node ${node.id} is back on its directory and has caught up in ${duration(performance.now() - startMs)}, ${how}`,
  );
}

/** Adds a new node as a learner. Its process is not started yet. */
export async function addLearner(stage: Stage): Promise<bigint> {
  const { cluster, admin } = stage;
  const { id, address, apiUrl: api } = await cluster.prepare();
  // The leader refuses the change while another one is pending, for instance when a node announces
  // its API.
  await stage.eventually(`node ${id} as a learner`, async () => {
    const { members } = await admin.cluster.members();
    if (members.every((member) => member.id !== id)) {
      await admin.cluster.addMember({ id, address, role: 'learner', api });
    }
    return true;
  });
  return id;
}

/** Adds a learner that receives a snapshot and the entries after it, and promotes it to a voter. */
export async function newcomerBySnapshot(stage: Stage): Promise<void> {
  const { admin, cluster, timeline } = stage;
  const leader = await stage.leader();
  const { index } = await admin.cluster.takeSnapshot({ at: leader.apiUrl });
  const { keys, bytes } = await admin.cluster.status({ at: leader.apiUrl });
  timeline.note(`a snapshot at index ${index}: ${keys} keys, ${byteSize(bytes)}`);
  const id = await addLearner(stage);
  const startMs = performance.now();
  await stage.watchingSnapshots(id, async (hasInstalled) => {
    await cluster.start(id);
    timeline.note(`node ${id} joins as a learner`);
    await stage.eventually(`a snapshot on node ${id}`, async () => hasInstalled() || undefined);
  });
  timeline.note(
    `node ${id} has installed a snapshot after ${duration(performance.now() - startMs)}`,
  );
  await stage.eventually(`the promotion of node ${id}`, async () => {
    await admin.cluster.promoteMember(id);
    return true;
  });
  timeline.good(
    `node ${id} has caught up and is a voter after ${duration(performance.now() - startMs)}`,
  );
}

/** Removes a follower that was a member from the start. */
export async function removeFollower(stage: Stage): Promise<void> {
  const { admin, cluster, timeline } = stage;
  const leader = await stage.leader();
  const leaving = cluster.running.find(({ id, isFirst }) => isFirst && id !== leader.id);
  if (leaving === undefined) return;
  await stage.eventually(`the removal of node ${leaving.id}`, async () => {
    const { members } = await admin.cluster.members();
    if (members.every(({ id }) => id !== leaving.id)) return true;
    await admin.cluster.removeMember(leaving.id);
    return true;
  });
  await cluster.remove(leaving.id);
  timeline.good(`node ${leaving.id} is removed, and its process has ended`);
}
