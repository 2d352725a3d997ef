/**
 * The configuration of a node. `defaultBabuzaConfig` gives safe defaults; change what you need.
 * Times are in milliseconds, sizes in bytes, and `Infinity` means "no limit".
 *
 * Decisions: docs/decisions/0022-defaults-of-a-node.md.
 */
import { checkId, isObject, refuse } from './support/checks.ts';

export interface BabuzaConfig {
  readonly clusterId: bigint;
  /** From 1 to 2^64 − 3. */
  readonly nodeId: bigint;
  /**
   * The address by which other members reach this one. The transport and the first members must
   * have exactly the same text.
   */
  readonly address: string;
  /** The Raft group that this node belongs to; a log manager can hold several. */
  readonly groupId: bigint;
  readonly tickMs: number;
  /**
   * How many ticks a follower waits for a leader before it campaigns. Each wait is a random number
   * of ticks between this and twice this.
   */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /**
   * A leader transfers leadership when a save takes longer than this share of an election timeout
   * (`electionTicks * tickMs`), but at least one tick. It also does so when its event loop stalls
   * for that long, but at least 500 ms, or with `leaseReads` at most half an election timeout.
   * Above 0, at most 1; default 0.5.
   */
  readonly leaderStallShare: number;
  readonly checkQuorum: boolean;
  readonly preVote: boolean;
  /** Followers forward proposals to the leader instead of refusing them. */
  readonly forwardProposals: boolean;
  /** After this time without an answer the outcome of a forwarded proposal counts as unknown. */
  readonly forwardTimeoutMs: number;
  /**
   * Reads rely on the leader's lease. They are correct only while all clocks run at about the same
   * speed.
   */
  readonly leaseReads: boolean;
  /**
   * The largest entry of the cluster, encoded, in bytes. All members have the same value, which
   * their logs fix. A start with another value than the log has is refused (`RAFT_CONFIG`). Default
   * 8 MiB; 1,024 to 67,108,864.
   */
  readonly entryBytesMax: number;
  readonly messageBytesMax: number;
  readonly inflightMessagesMax: number;
  readonly inflightBytesMax: number;
  readonly uncommittedBytesMax: number;
  /** How many bytes of committed entries the state machine is given at a time. */
  readonly applyBytesMax: number;
  /**
   * A snapshot is made after this many applied entries. `Infinity`: only `manualSnapshot` makes
   * one.
   */
  readonly snapshotEntries: number;
  /**
   * How many entries below the newest snapshot stay in the log, for followers that are slightly
   * behind.
   */
  readonly compactionMargin: number;
  /**
   * How many snapshots are kept; at least 2. When the newest is damaged, the log still reaches back
   * to the one before it.
   */
  readonly snapshotsKept: number;
  /**
   * How long a linearizable read waits for a leader with a quorum to confirm it, in ms, before it
   * rejects with `RAFT_OUTCOME_UNKNOWN`. A confirmed read waits for the state machine without this
   * limit; a signal bounds both. Default 3,000; 1 to 2,147,483,647.
   */
  readonly readTimeoutMs: number;
  /**
   * How long a linearizable read waits for an answer before the request is repeated, in ms. Default
   * 500; 1 to 2,147,483,647.
   */
  readonly readRetryMs: number;
  /** A learner may be promoted when its log reaches this share of the leader's; from 0 to 1. */
  readonly learnerReadyShare: number;
  /**
   * How long a committed entry may wait for the state machine before the node counts as not ready,
   * in ms. The event `state-machine-behind` reports it. Default 10,000; 1 to 2,147,483,647, or
   * `Infinity` for never.
   */
  readonly applyLagMsMax: number;
  /**
   * How long `shutdown` waits for the components to close, for example for a running `apply` of the
   * state machine, in ms; see `Raft.shutdown`. Default 30,000; 1 to 2,147,483,647, or `Infinity`
   * for no limit.
   */
  readonly shutdownTimeoutMs: number;
  /**
   * Refuses to start when recovery cannot tell whether a crash or damage destroyed the last batch.
   */
  readonly refuseUncertainTail: boolean;
}

const mebibyte: number = 1024 * 1024;
/** The longest time that a timer of Node.js can wait. A longer one would fire at once. */
export const timerMsMax: number = 2 ** 31 - 1;
const idMax = { clusterId: 2n ** 64n - 1n, nodeId: 2n ** 64n - 3n } as const;

/**
 * A configuration with defaults in every field except the three that have no default. Throws
 * `RAFT_CONFIG` for an id that is out of range; the other fields are checked at the start of the
 * node.
 */
export function defaultBabuzaConfig(
  clusterId: bigint | number,
  nodeId: bigint | number,
  address: string,
): BabuzaConfig {
  return {
    clusterId: idOf('clusterId', clusterId, 0n),
    nodeId: idOf('nodeId', nodeId, 1n),
    address,
    groupId: 0n,
    tickMs: 100,
    electionTicks: 10,
    heartbeatTicks: 1,
    leaderStallShare: 0.5,
    checkQuorum: true,
    preVote: true,
    forwardProposals: false,
    forwardTimeoutMs: 5000,
    leaseReads: false,
    entryBytesMax: 8 * mebibyte,
    messageBytesMax: mebibyte,
    inflightMessagesMax: 512,
    inflightBytesMax: 32 * mebibyte,
    uncommittedBytesMax: 128 * mebibyte,
    applyBytesMax: 8 * mebibyte,
    snapshotEntries: 10_000,
    compactionMargin: 5000,
    snapshotsKept: 3,
    readTimeoutMs: 3000,
    readRetryMs: 500,
    learnerReadyShare: 0.95,
    applyLagMsMax: 10_000,
    shutdownTimeoutMs: 30_000,
    refuseUncertainTail: false,
  };
}

function idOf(field: 'clusterId' | 'nodeId', given: unknown, min: bigint): bigint {
  const isId = typeof given === 'bigint' || Number.isSafeInteger(given);
  const id = isId ? BigInt(String(given)) : undefined;
  if (id !== undefined && id >= min && id <= idMax[field]) return id;
  return refuse(field, given, `a bigint or a safe integer from ${min} to ${idMax[field]}`);
}

/**
 * Throws `RAFT_CONFIG` with the field, the value that was given and the values that are allowed.
 */
export function checkConfig(config: BabuzaConfig): void {
  checkFields(config);
  const whole = (
    field: NumericField,
    min: number,
    max = Number.MAX_SAFE_INTEGER,
    or = '',
  ): void => {
    const value = config[field];
    if (Number.isSafeInteger(value) && value >= min && value <= max) return;
    const end = max === Number.MAX_SAFE_INTEGER ? '2^53 - 1' : max;
    refuse(field, value, `an integer from ${min} to ${end}${or}`);
  };
  const wholeOrInfinity = (field: NumericField, min: number, max?: number): void => {
    if (config[field] !== Infinity) whole(field, min, max, ', or Infinity');
  };
  checkId('clusterId', config.clusterId, 0n, idMax.clusterId);
  checkId('nodeId', config.nodeId, 1n, idMax.nodeId);
  checkId('groupId', config.groupId, 0n, idMax.clusterId);
  if (typeof config.address !== 'string' || config.address === '') {
    refuse('address', config.address, 'the address that other members reach this one by');
  }
  const { tickMs, learnerReadyShare: share, leaderStallShare: stallShare } = config;
  if (!(typeof tickMs === 'number' && tickMs > 0 && tickMs <= 60_000)) {
    refuse('tickMs', tickMs, 'a number above 0 and at most 60,000');
  }
  whole('heartbeatTicks', 1);
  whole('electionTicks', config.heartbeatTicks + 1);
  whole('entryBytesMax', 1024, 64 * mebibyte);
  whole('messageBytesMax', 1);
  whole('inflightMessagesMax', 1);
  wholeOrInfinity('inflightBytesMax', config.messageBytesMax);
  wholeOrInfinity('uncommittedBytesMax', 1);
  wholeOrInfinity('applyBytesMax', 1);
  wholeOrInfinity('snapshotEntries', 1);
  whole('compactionMargin', 0);
  whole('snapshotsKept', 2);
  whole('forwardTimeoutMs', 1, timerMsMax);
  whole('readTimeoutMs', 1, timerMsMax);
  whole('readRetryMs', 1, timerMsMax);
  wholeOrInfinity('applyLagMsMax', 1, timerMsMax);
  wholeOrInfinity('shutdownTimeoutMs', 1, timerMsMax);
  if (!(typeof share === 'number' && share >= 0 && share <= 1)) {
    refuse('learnerReadyShare', share, 'a number from 0 to 1');
  }
  if (!(typeof stallShare === 'number' && stallShare > 0 && stallShare <= 1)) {
    refuse('leaderStallShare', stallShare, 'a number above 0 and at most 1');
  }
  if (config.leaseReads && !config.checkQuorum) {
    refuse('leaseReads', true, 'false without checkQuorum: a lease needs it');
  }
}

type NumericField = {
  [Field in keyof BabuzaConfig]: BabuzaConfig[Field] extends number ? Field : never;
}[keyof BabuzaConfig];

/** An unknown field is refused, because it may be a misspelt one that the user relies on. */
function checkFields(config: BabuzaConfig): void {
  if (!isObject(config)) refuse('the configuration', config, 'an object');
  const known = defaultBabuzaConfig(1, 1, '');
  for (const field of Object.keys(config)) {
    if (Object.hasOwn(known, field)) continue;
    refuse(
      field,
      Reflect.get(config, field),
      `left out: known are ${Object.keys(known).join(', ')}`,
    );
  }
  for (const [field, value] of Object.entries(known)) {
    const given: unknown = Reflect.get(config, field);
    if (typeof value === 'boolean' && typeof given !== 'boolean')
      refuse(field, given, 'true or false');
  }
}
