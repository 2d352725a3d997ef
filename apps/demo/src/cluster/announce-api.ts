/**
 * Publishes the API address of a member, so that other members can name it when it leads. Only the
 * leader can change the membership, so a follower asks the leader to publish it.
 */
import { RaftError, type Raft } from '@babuza/raft';
import { apiServiceName } from './api/index.ts';
import { KeyValueClient } from './client/index.ts';

export interface AnnounceOptions {
  /** A token of the role `admin` is needed where the APIs of the cluster have tokens. */
  readonly token?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Between two attempts, where nothing happens that would lead to one before. Default: 500 ms. */
  readonly retryMs?: number | undefined;
}

/**
 * Resolves when this node has heard that its member has this address, as `http://host:port`.
 * Rejects with the reason of the signal, and `RAFT_STOPPED`. A node that is no member yet waits
 * until it is one.
 */
export async function announceApi<Query, Answer>(
  raft: Raft<Query, Answer>,
  api: string,
  { signal, token, retryMs = 500 }: AnnounceOptions = {},
): Promise<void> {
  while (!isAnnounced(raft, api)) {
    signal?.throwIfAborted();
    const changed = nextChange(raft, retryMs, signal);
    try {
      await tryOnce(raft, api, { signal, token });
    } catch (error) {
      if (error instanceof RaftError && error.code === 'RAFT_STOPPED') throw error;
      signal?.throwIfAborted();
      // The leader has changed, is busy, or does not serve yet. The loop tries again.
    }
    if (isAnnounced(raft, api)) changed.end();
    await changed.settled;
  }
}

function isAnnounced<Query, Answer>(raft: Raft<Query, Answer>, api: string): boolean {
  const own = raft.clusterInfo().members.find(({ id }) => id === raft.nodeId);
  return own?.services[apiServiceName] === api;
}

async function tryOnce<Query, Answer>(
  raft: Raft<Query, Answer>,
  api: string,
  { signal, token }: Pick<AnnounceOptions, 'signal' | 'token'>,
): Promise<void> {
  const leader = raft.leader();
  const { members } = raft.clusterInfo();
  if (!members.some(({ id }) => id === raft.nodeId)) return;
  if (leader?.id === raft.nodeId) {
    await raft.publishApplicationService({ name: apiServiceName, address: api }, { signal });
    return;
  }
  const door = members.find(({ id }) => id === leader?.id)?.services[apiServiceName];
  if (door === undefined) return;
  await using client = new KeyValueClient({ nodes: [door], token, deadlineMs: 2000 });
  await client.cluster.updateMember(raft.nodeId, { api }, { signal });
}

/**
 * Resolves at a change of the leader or the membership, when the node stops, when the signal
 * aborts, or after `retryMs`.
 */
function nextChange<Query, Answer>(
  raft: Raft<Query, Answer>,
  retryMs: number,
  signal: AbortSignal | undefined,
): { readonly settled: Promise<void>; readonly end: () => void } {
  const ending = new AbortController();
  const end = (): void => ending.abort();
  const timer = setTimeout(end, retryMs);
  const unsubscribe = raft.subscribe(({ type }) => {
    if (type === 'leader' || type === 'membership' || type === 'stopped') end();
  });
  signal?.addEventListener('abort', end);
  const settled = new Promise<void>((resolve) => {
    ending.signal.addEventListener('abort', () => {
      clearTimeout(timer);
      unsubscribe();
      signal?.removeEventListener('abort', end);
      resolve();
    });
  });
  return { settled, end };
}
