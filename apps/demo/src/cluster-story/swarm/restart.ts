/** Restarts a member during the attack. The member and its peers must find each other again. */
import type { Stage } from '../stage.ts';

/**
 * Returns the time in ms from the start of the process until it has applied the commit index of
 * that moment.
 */
export async function restartFollower(stage: Stage): Promise<number> {
  const { cluster, admin } = stage;
  const leader = await stage.leader();
  const follower = cluster.running.find(({ id }) => id !== leader.id) ?? leader;
  await follower.handle.shutdown();
  const startMs = performance.now();
  await cluster.start(follower.id);
  const { commitIndex } = await admin.cluster.status({ at: leader.apiUrl });
  await stage.eventually(`node ${follower.id} at index ${commitIndex}`, async () => {
    const { appliedIndex } = await admin.cluster.status({ at: follower.apiUrl, deadlineMs: 2000 });
    return appliedIndex >= commitIndex ? true : undefined;
  });
  return performance.now() - startMs;
}
