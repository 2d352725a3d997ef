/**
 * Starts a node: as one of the first members of a cluster, as one that joins, or again on its
 * existing log. An existing log always decides: the node goes on with it whatever the call says, so
 * that nobody bootstraps over data.
 *
 * A cluster begins with a snapshot that holds the first membership and no state, at index 1. So
 * every member has the same beginning, learners included, and one that joins later gets it like any
 * other snapshot.
 *
 * Decisions: docs/decisions/0024-snapshots-before-their-records.md and
 * docs/decisions/0025-membership-is-replicated-state.md.
 */
import { adoptedSnapshot } from './adopted-snapshot.ts';
import {
  checkComponent,
  checkPeers,
  checkStateMachine,
  isObject,
  refuse,
} from '../support/checks.ts';
import { checkConfig, type BabuzaConfig } from '../config.ts';
import { RaftConfigError } from '../errors.ts';
import { createFirstSnapshot } from './first-snapshot.ts';
import { firstMembership, type MemberRole } from '../membership/membership.ts';
import { openNode, type Beginning, type BootstrapMode, type FirstState } from './open-node.ts';
import type { RaftComponent } from '../ports/component.ts';
import type { StateMachine } from '../ports/state-machine.ts';
import { Raft } from '../raft.ts';
import { checkOwnPeer, checkTransportAddress } from './start-checks.ts';
import type { StandaloneOptions } from './standalone.ts';

/** The first members of a cluster. Each of them starts with the same list. */
export type PeersConfiguration = readonly {
  readonly id: bigint;
  readonly address: string;
  /** Default: voter. */
  readonly role?: MemberRole | undefined;
}[];

/** Options by which an operator states facts about the directories of a starting member. */
export interface StartOptions {
  /**
   * The intended kind of start. `'new'`: without a log, a cluster begins with `peers` as its
   * members. `'join'`: without a log, the member waits until it is added to a cluster.
   * `'existing'`: without a log the start is refused (`RAFT_NO_LOG`), for example because a volume
   * was not mounted. With a log, all three go on with it. Default: `'new'` for
   * `bootstrapRaftCluster`, `'join'` for `joinRaftCluster`.
   */
  readonly bootstrap?: BootstrapMode | undefined;
  /**
   * The operator vouches for a log that has no identity: one of an earlier release, or one whose
   * identity record is lost. Needed once on each member. Default false (`RAFT_IDENTITY_UNKNOWN`).
   */
  readonly adoptIdentity?: boolean | undefined;
  /**
   * Removes the snapshots here when the log that they belong to is missing; their content is lost.
   * Has no effect when there is a log. Default false (`RAFT_LOG_LOST`).
   */
  readonly discardSnapshots?: boolean | undefined;
  /**
   * A text that becomes part of the identity of a new cluster: clusters that were started with the
   * same `peers` and different tokens refuse each other. At most 256 characters. Default: no token.
   */
  readonly clusterToken?: string | undefined;
}

export interface BootstrapOptions extends StartOptions {
  /**
   * A stream from `Raft.exportSnapshot`, of this cluster or another: the new cluster begins with
   * that state and those sessions, and with `peers` as its members. All members must be given the
   * same stream: a member that was given another one, or none, is refused by the others.
   */
  readonly snapshot?: AsyncIterable<Uint8Array> | undefined;
}

/**
 * Starts a member of a new cluster, or restarts it. At a restart the log decides, and `peers` and
 * `options.snapshot` have no effect; peers that differ from the first members are logged in one
 * line. The node owns the components and the state machine from now on; `shutdown` closes them.
 *
 * Rejects with `RAFT_CONFIG`, `RAFT_NO_LOG`, `RAFT_LOG_LOST`, `RAFT_OTHER_LOG`, `RAFT_LOG_OLDER`,
 * `RAFT_OTHER_CLUSTER`, `RAFT_IDENTITY_UNKNOWN`, `RAFT_STATE_UNREADABLE`, or an error of a
 * component. All components are closed then. `RAFT_CONFIG` also reports components that do not fit
 * together: the address of this node in the configuration, in `peers` (at the first start) and in
 * the transport must be the same text, and `entryBytesMax` must be that of the log.
 */
export function bootstrapRaftCluster<Query, Answer>(
  config: BabuzaConfig,
  peers: PeersConfiguration,
  stateMachine: StateMachine<Query, Answer>,
  component: RaftComponent,
  options: BootstrapOptions = {},
): Promise<Raft<Query, Answer>> {
  const begin = async (): Promise<FirstState> => {
    checkPeers(peers, component.transport);
    const membership = firstMembership(peers);
    const { clusterId, groupId, nodeId } = config;
    checkOwnPeer(config, membership.members.get(nodeId));
    const { clusterToken: token, snapshot: stream } = options;
    return createFirstSnapshot({ clusterId, groupId, membership, token, stream }, component);
  };
  return starting(config, stateMachine, component, () => ({
    ...beginningOf(options, 'new', begin),
    peers: { given: peers },
  }));
}

/**
 * Starts a node that joins a running cluster, or restarts it on its log. Add it there with
 * `addVotingPeer`, which waits until the node has caught up, or first with `addLearner`. It
 * receives everything from the leader.
 *
 * Rejects like `bootstrapRaftCluster`.
 */
export function joinRaftCluster<Query, Answer>(
  config: BabuzaConfig,
  stateMachine: StateMachine<Query, Answer>,
  component: RaftComponent,
  options: StartOptions = {},
): Promise<Raft<Query, Answer>> {
  return starting(config, stateMachine, component, () => beginningOf(options, 'join', noPeers));
}

async function noPeers(): Promise<FirstState> {
  return refuse('bootstrap', 'new', "'join' or 'existing': without peers no cluster can begin");
}

/**
 * Starts a survivor as the only member of its cluster, when the others are lost for good; see
 * `standalone.ts` for what is kept. It needs an existing log, or with `adoptSnapshots` at least a
 * snapshot. The cluster has a new identity from then on, so that the others are refused if they
 * come back. The membership has the address of the configuration.
 *
 * Rejects with `RAFT_NO_LOG` when there is no log, and like `bootstrapRaftCluster`.
 */
export function recoverAsStandalone<Query, Answer>(
  config: BabuzaConfig,
  stateMachine: StateMachine<Query, Answer>,
  component: RaftComponent,
  options: StandaloneOptions & Pick<StartOptions, 'adoptIdentity'> = {},
): Promise<Raft<Query, Answer>> {
  const begin = (): Promise<FirstState> => adoptedSnapshot(component.snapshotManager);
  const { adoptIdentity } = options;
  return starting(config, stateMachine, component, () => ({
    mode: 'existing',
    begin,
    standalone: options,
    adoptIdentity,
  }));
}

const clusterTokenLengthMax = 256;
const startOptionNames = ['bootstrap', 'adoptIdentity', 'discardSnapshots', 'clusterToken'];
const bootstrapOptionNames = [...startOptionNames, 'snapshot'];

/** Throws `RAFT_CONFIG`. */
function beginningOf(
  options: StartOptions,
  modeByDefault: BootstrapMode,
  begin: () => Promise<FirstState>,
): Beginning {
  checkOptionNames(options, modeByDefault === 'new' ? bootstrapOptionNames : startOptionNames);
  const { bootstrap: mode = modeByDefault, clusterToken, ...rest } = options;
  if (!isBootstrapMode(mode)) refuse('bootstrap', mode, "'new', 'join' or 'existing'");
  const isToken = typeof clusterToken === 'string' && clusterToken.length <= clusterTokenLengthMax;
  if (clusterToken !== undefined && !isToken) {
    refuse('clusterToken', clusterToken, `a text of at most ${clusterTokenLengthMax} characters`);
  }
  const { adoptIdentity, discardSnapshots } = rest;
  for (const [name, value] of Object.entries({ adoptIdentity, discardSnapshots })) {
    if (value !== undefined && typeof value !== 'boolean') refuse(name, value, 'true or false');
  }
  return {
    mode,
    begin: async () => (mode === 'new' ? begin() : undefined),
    adoptIdentity,
    discardSnapshots,
    clusterToken,
  };
}

/** A misspelt `bootstrap: 'existing'` would begin a cluster in an empty directory. */
function checkOptionNames(options: unknown, known: readonly string[]): void {
  if (!isObject(options)) refuse('the options of a start', options, 'an object');
  for (const [name, value] of Object.entries(options)) {
    if (!known.includes(name)) refuse(name, value, `left out: known are ${known.join(', ')}`);
  }
}

function isBootstrapMode(mode: unknown): mode is BootstrapMode {
  return mode === 'new' || mode === 'join' || mode === 'existing';
}

async function starting<Query, Answer>(
  config: BabuzaConfig,
  stateMachine: StateMachine<Query, Answer>,
  component: RaftComponent,
  beginning: () => Beginning,
): Promise<Raft<Query, Answer>> {
  let raft: Raft<Query, Answer>;
  try {
    checkConfig(config);
    checkStateMachine(stateMachine);
    checkComponent(component);
    checkSame('clusterId', config.clusterId, component.clusterId);
    checkSame('nodeId', config.nodeId, component.nodeId ?? config.nodeId);
    checkTransportAddress(config, component.transport);
    raft = Raft.make(await openNode(config, stateMachine, component, beginning()));
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

/**
 * Closes what was built. The error that ended the start matters more than errors here. A component
 * without a transport throws when its `transport` is read, so each step is a function.
 */
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
