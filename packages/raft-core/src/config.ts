/**
 * What a node is started with. The names are those of etcd raft's `Config`; sizes are in bytes,
 * times in ticks, and `Infinity` stands for "no limit".
 *
 * Source: etcd-io/raft `raft.go`, `Config`; docs/raft-behaviour.md, section 1.3.
 */

import type { Storage } from '@babuza/wal-core/storage';
import { InvalidConfigError } from './errors.ts';
import { isLocalThread, none } from './ids.ts';
import type { ImpossibleClaimSink } from './impossible-claims.ts';
import type { RaftLogger } from './logger.ts';
import type { TraceSink } from './trace.ts';

/** How a read is made linearizable. */
export const ReadOnlyOption = {
  /** A quorum confirms the leader for each read. Needs no clock. */
  Safe: 0,
  /**
   * The leader trusts its lease. Correct only while the clocks of all nodes run at about one speed.
   */
  LeaseBased: 1,
} as const;
export type ReadOnlyOption = (typeof ReadOnlyOption)[keyof typeof ReadOnlyOption];

export interface RaftConfig {
  /** The own id; not `0n`, and not one of the two addresses of storage threads. */
  readonly id: bigint;
  /**
   * Ticks without a leader until a follower campaigns; above `heartbeatTick`, usually 10 times it.
   */
  readonly electionTick: number;
  /** Ticks between heartbeats. */
  readonly heartbeatTick: number;
  /** Where durable entries, hard state and membership are read; the core never writes to it. */
  readonly storage: Storage;
  /**
   * A number in [0, 1), different from node to node, as `Math.random` gives it: from it comes the
   * election timeout, from `electionTick` to `2 * electionTick - 1` ticks, drawn anew with every
   * change of role.
   */
  readonly random: () => number;
  /**
   * The last index that the application has applied; entries up to it are not handed out. Default
   * 0.
   */
  readonly applied?: number;
  /** Storage work travels in messages instead of `advance`. Default false. */
  readonly asyncStorageWrites?: boolean;
  /** The entries of one append, encoded; at least one goes. Default 0: one entry per append. */
  readonly maxSizePerMsg?: number;
  /** How many entries one append has at most; at least one goes. Default, and with 0: no limit. */
  readonly maxEntriesPerMsg?: number;
  /**
   * Committed entries that were handed out and not yet acknowledged as applied, encoded; at least
   * one is handed out. Default, and with 0: `maxSizePerMsg`.
   */
  readonly maxCommittedSizePerReady?: number;
  /**
   * Payloads that the leader appended and that are not applied yet. Default, and with 0: no limit.
   */
  readonly maxUncommittedEntriesSize?: number;
  /** Appends in flight to one peer. */
  readonly maxInflightMsgs: number;
  /** Payloads in flight to one peer. Default, and with 0: no limit. At least `maxSizePerMsg`. */
  readonly maxInflightBytes?: number;
  /** The leader steps down without an active quorum, and followers keep a lease. Default false. */
  readonly checkQuorum?: boolean;
  /** Elections have two phases, so that a node that was cut off does not disturb. Default false. */
  readonly preVote?: boolean;
  /** Default `Safe`; `LeaseBased` needs `checkQuorum`. */
  readonly readOnlyOption?: ReadOnlyOption;
  /**
   * The only voter answers reads at once, as etcd's does, also before its first commit of the term;
   * it may know of less then than was acknowledged before a crash. With false it waits for that
   * commit. Default true.
   */
  readonly onlyVoterReadsAtOnce?: boolean;
  /** Default: nothing is logged. */
  readonly logger?: RaftLogger | undefined;
  /** Followers drop proposals instead of sending them to the leader. Default false. */
  readonly disableProposalForwarding?: boolean;
  /** Changes of the membership are not checked when they are proposed. Dangerous. Default false. */
  readonly disableConfChangeValidation?: boolean;
  /** A leader that is removed or demoted becomes a follower. Default false. */
  readonly stepDownOnRemoval?: boolean;
  /** Takes events for checking against the TLA+ model. Default: none. */
  readonly trace?: TraceSink | undefined;
  /**
   * Takes the claims of members that cannot be true and that a leader has dropped, after 1, 10,
   * 100, … of a member and kind in a term. The logger gets a warning for each, too. Default: none.
   */
  readonly onImpossibleClaim?: ImpossibleClaimSink | undefined;
}

/** The configuration with every default in its place. */
export interface ResolvedConfig extends Required<
  Omit<RaftConfig, 'logger' | 'trace' | 'onImpossibleClaim'>
> {
  readonly logger: RaftLogger | undefined;
  readonly trace: TraceSink | undefined;
  readonly onImpossibleClaim: ImpossibleClaimSink | undefined;
}

/**
 * Checks the configuration and fills in the defaults.
 *
 * @throws InvalidConfigError (`RAFT_CORE_CONFIG`) with the first rule that is broken.
 */
export function resolveConfig(config: RaftConfig): ResolvedConfig {
  const maxSizePerMsg = config.maxSizePerMsg ?? 0;
  const resolved: ResolvedConfig = {
    id: config.id,
    electionTick: config.electionTick,
    heartbeatTick: config.heartbeatTick,
    storage: config.storage,
    random: config.random,
    applied: config.applied ?? 0,
    asyncStorageWrites: config.asyncStorageWrites ?? false,
    maxSizePerMsg,
    maxEntriesPerMsg: orIfZero(config.maxEntriesPerMsg, Infinity),
    // One byte means one entry at a time: with 0 nothing could ever be handed out.
    maxCommittedSizePerReady: orIfZero(orIfZero(config.maxCommittedSizePerReady, maxSizePerMsg), 1),
    maxUncommittedEntriesSize: orIfZero(config.maxUncommittedEntriesSize, Infinity),
    maxInflightMsgs: config.maxInflightMsgs,
    maxInflightBytes: orIfZero(config.maxInflightBytes, Infinity),
    checkQuorum: config.checkQuorum ?? false,
    preVote: config.preVote ?? false,
    readOnlyOption: config.readOnlyOption ?? ReadOnlyOption.Safe,
    onlyVoterReadsAtOnce: config.onlyVoterReadsAtOnce ?? true,
    logger: config.logger,
    disableProposalForwarding: config.disableProposalForwarding ?? false,
    disableConfChangeValidation: config.disableConfChangeValidation ?? false,
    stepDownOnRemoval: config.stepDownOnRemoval ?? false,
    trace: config.trace,
    onImpossibleClaim: config.onImpossibleClaim,
  };
  validate(resolved);
  validateNumbers(resolved);
  return resolved;
}

/** The rules of the reference, in its order and with its texts. */
function validate(config: ResolvedConfig): void {
  if (config.id === none) refuse('cannot use none as id');
  if (isLocalThread(config.id)) refuse('cannot use local target as id');
  if (!(config.heartbeatTick > 0)) refuse('heartbeat tick must be greater than 0');
  if (!(config.electionTick > config.heartbeatTick)) {
    refuse('election tick must be greater than heartbeat tick');
  }
  if (typeof config.storage !== 'object' || config.storage === null) {
    refuse('storage cannot be nil');
  }
  if (!(config.maxInflightMsgs > 0)) refuse('max inflight messages must be greater than 0');
  if (config.maxInflightBytes < config.maxSizePerMsg) {
    refuse('max inflight bytes must be >= max message size');
  }
  if (config.readOnlyOption === ReadOnlyOption.LeaseBased && !config.checkQuorum) {
    refuse('CheckQuorum must be enabled when ReadOnlyOption is ReadOnlyLeaseBased');
  }
}

/** What the types of the reference rule out by themselves. */
function validateNumbers(config: ResolvedConfig): void {
  if (typeof config.id !== 'bigint' || config.id < 0n || config.id >= 2n ** 64n) {
    refuse(`id must be a bigint of 64 bits, got ${String(config.id)}`);
  }
  if (typeof config.random !== 'function') refuse('random must be a function');
  for (const name of ['electionTick', 'heartbeatTick', 'applied'] as const) {
    const value = config[name];
    if (!Number.isSafeInteger(value) || value < 0) {
      refuse(`${name} must be an integer from 0 to 2^53 - 1, got ${value}`);
    }
  }
  for (const name of [
    'maxSizePerMsg',
    'maxEntriesPerMsg',
    'maxCommittedSizePerReady',
    'maxUncommittedEntriesSize',
    'maxInflightMsgs',
    'maxInflightBytes',
  ] as const) {
    const value = config[name];
    if (value !== Infinity && (!Number.isSafeInteger(value) || value < 0)) {
      refuse(`${name} must be an integer from 0 to 2^53 - 1 or Infinity, got ${value}`);
    }
  }
}

function orIfZero(value: number | undefined, ifZero: number): number {
  return value === undefined || value === 0 ? ifZero : value;
}

function refuse(message: string): never {
  throw new InvalidConfigError(message);
}
