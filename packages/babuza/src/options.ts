/** The options of `startNode`, and the checks that come before anything is loaded or opened. */
import { BuilderConfigError, type BuilderConfig, type NodeSettings } from '@babuza/builder';
import type { BootstrapOptions, MemberRole, StateMachine } from '@babuza/raft';
import type { HttpTransportOptions } from '@babuza/transport-http';

/** One of the members that a cluster begins with. */
export interface NodePeer {
  /** From 1 to 2^64 − 3. */
  readonly id: bigint | number;
  /** The address at which this member is reached: `host:port`. */
  readonly address: string;
  /** A learner receives the log and has no vote. Default: `'voter'`. */
  readonly role?: MemberRole | undefined;
}

/** The fields of the builder's configuration that have the same meaning here. */
type PartOptions = Pick<
  BuilderConfig,
  | 'walOptions'
  | 'snapshotType'
  | 'snapshotOptions'
  | 'sessionType'
  | 'sessionOptions'
  | 'metricType'
  | 'metricOptions'
  | 'logger'
>;

export interface StartNodeOptions<Query = unknown, Answer = unknown> extends PartOptions {
  /** The cluster that this node belongs to, from 0 to 2^64 − 1. All members have the same. */
  readonly clusterId: bigint | number;
  /** The id of this node, from 1 to 2^64 − 3. An id is never given to a second node. */
  readonly nodeId: bigint | number;
  /** The address at which other members reach this node: `host:port`. */
  readonly address: string;
  /** Everything that is stored lies below this directory: the log in `wal`, snapshots in `snap`. */
  readonly directory: string;
  /** The state that is replicated. The node owns it from now on, and closes it. */
  readonly stateMachine: StateMachine<Query, Answer>;
  /**
   * The members that the cluster begins with, this node among them; each of them starts with the
   * same list. A node that has a log goes on with it, whatever the list says. Left out: the node
   * waits until `addVotingPeer` or `addLearner` of a running cluster adds it.
   */
  readonly peers?: readonly NodePeer[] | undefined;
  /**
   * Mutual TLS between members; see `HttpTransportOptions`. Off the loopback this or `secret` is
   * required.
   */
  readonly tls?: HttpTransportOptions['tls'];
  /**
   * A secret that all members share, of at least 32 bytes, in place of certificates. It does not
   * encrypt.
   */
  readonly secret?: HttpTransportOptions['secret'];
  /** Lets a node start off the loopback without `tls` and `secret`. Default: false. */
  readonly insecure?: boolean | undefined;
  /** The other options of the HTTP transport, such as `listen`. */
  readonly transportOptions?:
    | Omit<HttpTransportOptions, 'address' | 'tls' | 'secret' | 'insecure'>
    | undefined;
  /** The log: the name of an installed one, or a back end. Default: the native log. */
  readonly walType?: BuilderConfig['walType'] | undefined;
  /** Timing and limits that differ from `defaultBabuzaConfig`. */
  readonly config?: Partial<NodeSettings> | undefined;
  /** Statements of an operator about this start, such as `bootstrap: 'existing'`. */
  readonly start?: BootstrapOptions | undefined;
}

const known: Record<keyof StartNodeOptions, true> = {
  clusterId: true,
  nodeId: true,
  address: true,
  directory: true,
  stateMachine: true,
  peers: true,
  tls: true,
  secret: true,
  insecure: true,
  transportOptions: true,
  walType: true,
  walOptions: true,
  snapshotType: true,
  snapshotOptions: true,
  sessionType: true,
  sessionOptions: true,
  metricType: true,
  metricOptions: true,
  logger: true,
  config: true,
  start: true,
};

/** Fields of `config` and `transportOptions` that are options of their own. */
const given = {
  config: ['clusterId', 'nodeId', 'address'],
  transportOptions: ['address', 'tls', 'secret', 'insecure'],
} as const;

/**
 * Refuses a misspelt option, which would otherwise count as "default", and whatever is given twice.
 *
 * @throws BuilderConfigError (`BUILDER_CONFIG`)
 */
export function checkStartOptions(options: unknown): void {
  if (!isObject(options)) throw new BuilderConfigError('the options', options, 'an object');
  for (const [name, value] of Object.entries(options)) {
    if (Object.hasOwn(known, name)) continue;
    const names = Object.keys(known).join(', ');
    throw new BuilderConfigError(name, value, `left out: known are ${names}`);
  }
  checkDirectory(Reflect.get(options, 'directory'));
  checkPeers(Reflect.get(options, 'peers'));
  for (const field of ['config', 'transportOptions'] as const) {
    const value: unknown = Reflect.get(options, field);
    if (value === undefined) continue;
    if (!isObject(value)) throw new BuilderConfigError(field, value, 'an object, or left out');
    for (const name of given[field]) {
      if (!Object.hasOwn(value, name)) continue;
      const allowed = `left out: ${name} is an option of startNode itself`;
      throw new BuilderConfigError(`${field}.${name}`, Reflect.get(value, name), allowed);
    }
  }
}

/** The rest of a peer is checked by the start itself, which names the peer as well. */
function checkPeers(peers: unknown): void {
  if (peers === undefined) return;
  if (!Array.isArray(peers)) {
    throw new BuilderConfigError('peers', peers, 'a list of { id, address }, or left out');
  }
  for (const [at, peer] of peers.entries()) {
    if (!isObject(peer)) throw new BuilderConfigError(`peers[${at}]`, peer, 'a { id, address }');
    const id: unknown = Reflect.get(peer, 'id');
    if (typeof id === 'bigint' || Number.isSafeInteger(id)) continue;
    throw new BuilderConfigError(`peers[${at}].id`, id, 'a bigint or a safe integer from 1');
  }
}

function checkDirectory(directory: unknown): void {
  if (typeof directory === 'string' && directory !== '' && !directory.includes('\0')) return;
  throw new BuilderConfigError('directory', directory, 'the path of a directory');
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
