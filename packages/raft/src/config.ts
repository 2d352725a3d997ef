/**
 * The configuration of a node. `defaultBabuzaConfig` gives one that keeps the promises of the
 * project; change what you need. Times in milliseconds, sizes in bytes, `Infinity` for "no limit".
 *
 * Decisions: docs/decisions/0022-defaults-of-a-node.md.
 */
import { checkId, isObject, refuse } from './support/checks.ts';

export interface BabuzaConfig {
  readonly clusterId: bigint;
  /** From 1 to 2^64 − 3. */
  readonly nodeId: bigint;
  /**
   * The address by which other members reach this one; the transport and the first members must
   * have the same text.
   */
  readonly address: string;
  /** The Raft group, where a manager holds several. */
  readonly groupId: bigint;
  readonly tickMs: number;
  /** Ticks without a leader until a follower campaigns; up to twice as many, by chance. */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /**
   * A leader hands leadership over when a save takes longer than this share of an election timeout
   * (`electionTicks * tickMs`), but at least a tick; the same for a standstill of its event loop,
   * but at least 500 ms, or with `leaseReads` at most half an election timeout. Above 0, at most 1;
   * default 0.5.
   */
  readonly leaderStallShare: number;
  readonly checkQuorum: boolean;
  readonly preVote: boolean;
  /** Followers hand proposals to the leader instead of refusing them. */
  readonly forwardProposals: boolean;
  /** After this time the outcome of a proposal that was handed to the leader counts as unknown. */
  readonly forwardTimeoutMs: number;
  /** Reads trust the lease of the leader: correct only while all clocks run at about one speed. */
  readonly leaseReads: boolean;
  /**
   * The largest entry of the cluster, encoded, in bytes; one value for all members, fixed with
   * their logs. A start with another value than that of the log is refused (`RAFT_CONFIG`). Default
   * 8 MiB; 1,024 to 67,108,864.
   */
  readonly entryBytesMax: number;
  readonly messageBytesMax: number;
  readonly inflightMessagesMax: number;
  readonly inflightBytesMax: number;
  readonly uncommittedBytesMax: number;
  /** Committed entries that are handed to the state machine at a time. */
  readonly applyBytesMax: number;
  /** A snapshot is made after so many applied entries; `Infinity`: only by `manualSnapshot`. */
  readonly snapshotEntries: number;
  /**
   * Entries that stay in the log below the newest snapshot, for followers that are a little behind.
   */
  readonly compactionMargin: number;
  /** At least 2: when the newest is damaged, the one before it still finds its log. */
  readonly snapshotsKept: number;
  /**
   * How long a linearizable read waits for a leader with a quorum to confirm it, in ms; then it is
   * rejected with `RAFT_OUTCOME_UNKNOWN`. A read that is confirmed waits for the state machine
   * without this limit: a signal bounds both. Default 3,000; 1 to 2,147,483,647.
   */
  readonly readTimeoutMs: number;
  /**
   * After so long without an answer a linearizable read is asked for again, in ms. Default 500; 1
   * to 2,147,483,647.
   */
  readonly readRetryMs: number;
  /** A learner may be promoted when its log reaches this share of the leader's; from 0 to 1. */
  readonly learnerReadyShare: number;
  /**
   * From when on a committed entry that the state machine has not applied makes the node unready,
   * in ms; the event `state-machine-behind` tells. Default 10,000; 1 to 2,147,483,647, or
   * `Infinity` for never.
   */
  readonly applyLagMsMax: number;
  /**
   * How long the end of the node waits for its parts, such as an `apply` of the state machine that
   * is under way, in ms; see `Raft.shutdown`. Default 30,000; 1 to 2,147,483,647, or `Infinity` for
   * no limit.
   */
  readonly shutdownTimeoutMs: number;
  /** Refuses to start where recovery could not tell a crash from damage in the last batch. */
  readonly refuseUncertainTail: boolean;
}

const mebibyte: number = 1024 * 1024;
/** A timer of the platform that is given more fires at once. */
export const timerMsMax: number = 2 ** 31 - 1;
const idMax = { clusterId: 2n ** 64n - 1n, nodeId: 2n ** 64n - 3n } as const;

/**
 * A configuration with the defaults of the project in every field but the three that nobody can
 * guess. Throws `RAFT_CONFIG` for what no id can be; a start looks at the rest.
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

/** Throws `RAFT_CONFIG` naming the field, what was given and what is allowed. */
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

/** A field that is not known may be one that is misspelt: somebody relies on it. */
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
