/**
 * How a node begins: as one of the first members of a cluster, as one that joins, or again on what it left. Which of
 * these is decided by the log: where there is one, the node goes on with it, whatever the call says, so that nobody
 * bootstraps over data.
 *
 * A cluster begins with a snapshot at index 1 that holds the first membership and no state. So every member has the
 * same beginning, learners included, and one that joins later gets it like any other snapshot.
 *
 * Decisions: the project's contract, 7, 10 and 21.
 */
import type { SnapshotMetadata } from '@babuza/raftpb';
import { checkComponent, checkPeers, checkStateMachine } from './checks.ts';
import { checkConfig, type BabuzaConfig } from './config.ts';
import { RaftConfigError } from './errors.ts';
import { createFirstSnapshot } from './first-snapshot.ts';
import { firstMembership, type MemberRole } from './membership.ts';
import { openNode, type Beginning } from './open-node.ts';
import type { RaftComponent } from './ports/component.ts';
import type { StateMachine } from './ports/state-machine.ts';
import { Raft } from './raft.ts';
import { checkOwnPeer, checkTransportAddress } from './start-checks.ts';
import type { StandaloneOptions } from './standalone.ts';

/** The first members of a cluster; every one of them starts with the same list. */
export type PeersConfiguration = readonly {
  readonly id: bigint;
  readonly address: string;
  /** Default: voter. */
  readonly role?: MemberRole;
}[];

export interface BootstrapOptions {
  /**
   * What `Raft.exportSnapshot` gave, from this cluster or another: the new cluster begins with that state and those
   * sessions, and with `peers` as its members. All of them are given the same.
   */
  readonly snapshot?: AsyncIterable<Uint8Array> | undefined;
}

/**
 * Starts a member of a new cluster, or starts it again: then the log is what counts, and `peers`
 * and `options` have no effect. Peers that differ from the first members are told in one line then.
 * The node owns the parts of the component and the state machine from now on; `shutdown` closes
 * them.
 *
 * Rejects with `RAFT_CONFIG`, `RAFT_STATE_UNREADABLE`, or what a part says; all of them are closed
 * then. `RAFT_CONFIG` also tells parts that do not belong together: the address of this node in the
 * configuration, in `peers` (at the first start) and in the transport must be the same text, and
 * `entryBytesMax` that of the log.
 */
export function bootstrapRaftCluster<Query, Answer>(
  config: BabuzaConfig,
  peers: PeersConfiguration,
  stateMachine: StateMachine<Query, Answer>,
  component: RaftComponent,
  options: BootstrapOptions = {},
): Promise<Raft<Query, Answer>> {
  const begin = async (): Promise<SnapshotMetadata> => {
    checkPeers(peers, component.transport);
    const membership = firstMembership(peers);
    checkOwnPeer(config, membership.members.get(config.nodeId));
    return createFirstSnapshot(membership, component, options.snapshot);
  };
  return starting(config, stateMachine, component, { begin, peers: { given: peers } });
}

/**
 * Starts a node that belongs to a cluster which is running: add it there with `addVotingPeer`,
 * which waits until the node has caught up, or with `addLearner` before. It gets everything from
 * the leader. On what it left before it goes on.
 *
 * Rejects like `bootstrapRaftCluster`.
 */
export function joinRaftCluster<Query, Answer>(
  config: BabuzaConfig,
  stateMachine: StateMachine<Query, Answer>,
  component: RaftComponent,
): Promise<Raft<Query, Answer>> {
  return starting(config, stateMachine, component, { begin: async () => undefined });
}

/**
 * Starts a survivor as the only member of its cluster, when the others are gone for good; see
 * `standalone.ts` for what is kept. It needs an existing log. The others must never come back under
 * the same cluster id. The membership has the address of the configuration from then on.
 *
 * Rejects with `RAFT_CONFIG` where there is no log.
 */
export function recoverAsStandalone<Query, Answer>(
  config: BabuzaConfig,
  stateMachine: StateMachine<Query, Answer>,
  component: RaftComponent,
  options: StandaloneOptions = {},
): Promise<Raft<Query, Answer>> {
  return starting(config, stateMachine, component, { begin: refuseToBegin, standalone: options });
}

async function refuseToBegin(): Promise<never> {
  throw new RaftConfigError('there is no log to recover from');
}

async function starting<Query, Answer>(
  config: BabuzaConfig,
  stateMachine: StateMachine<Query, Answer>,
  component: RaftComponent,
  beginning: Beginning,
): Promise<Raft<Query, Answer>> {
  let raft: Raft<Query, Answer>;
  try {
    checkConfig(config);
    checkStateMachine(stateMachine);
    checkComponent(component);
    checkSame('clusterId', config.clusterId, component.clusterId);
    checkSame('nodeId', config.nodeId, component.nodeId ?? config.nodeId);
    checkTransportAddress(config, component.transport);
    raft = Raft.make(await openNode(config, stateMachine, component, beginning));
  } catch (error) {
    await closeParts(component, stateMachine);
    throw error;
  }
  await Raft.start(raft, component);
  return raft;
}

function checkSame(field: string, configured: bigint, builtFor: bigint): void {
  if (configured === builtFor) return;
  throw new RaftConfigError(`${field} ${configured} differs from the component's, ${builtFor}`);
}

/** The error that ended the start is what counts. A component without a transport says so when it is asked for it. */
async function closeParts<Query, Answer>(
  component: RaftComponent,
  stateMachine: StateMachine<Query, Answer>,
): Promise<void> {
  const closing = [
    async () => component.transport.close(),
    async () => component.snapshotManager.close(),
    async () => stateMachine.close(),
    async () => component.walManager.close(),
  ];
  await Promise.allSettled(closing.map((close) => close()));
}
