/** What the tests of a cluster of real processes share. */
import type { KeyValueClient } from '../../dist/cluster/client/index.js';
import type { Cluster, ClusterNode } from '../../dist/cluster/cluster.js';

/**
 * What `ask` gives at last; it is asked again when it gives nothing, or fails. The test's own time
 * limit ends it.
 */
export async function eventually<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const answer = await ask().catch(() => undefined);
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

/** A node that says that it leads. */
export function leaderOf(cluster: Cluster, client: KeyValueClient): Promise<ClusterNode> {
  return eventually(async () => {
    for (const node of cluster.running) {
      const { role } = await client.cluster.status({ at: node.apiUrl, deadlineMs: 1000 });
      if (role === 'leader') return node;
    }
    return undefined;
  });
}

/** One that runs and does not lead. */
export async function followerOf(cluster: Cluster, client: KeyValueClient): Promise<ClusterNode> {
  const { id } = await leaderOf(cluster, client);
  const found = cluster.running.find((node) => node.id !== id);
  if (found === undefined) throw new Error('nobody follows');
  return found;
}

/** Resolves when `node` has applied what the leader has committed now. */
export async function hasCaughtUp(
  cluster: Cluster,
  client: KeyValueClient,
  { apiUrl }: ClusterNode,
): Promise<void> {
  const leading = await leaderOf(cluster, client);
  const { commitIndex } = await client.cluster.status({ at: leading.apiUrl });
  await eventually(async () => {
    const { appliedIndex } = await client.cluster.status({ at: apiUrl });
    return appliedIndex >= commitIndex ? true : undefined;
  });
}
