/**
 * The configuration as the core uses it: defaults filled in, rules checked.
 *
 * Source: etcd-io/raft `raft.go`, `Config.validate`.
 */

import { ReadOnlyOption, type RaftConfig } from './config.ts';
import { InvalidConfigError } from './errors.ts';
import { isLocalThread, none } from './ids.ts';
import type { RaftLogger } from './logger.ts';
import type { ImpossibleClaimSink } from './messages/impossible-claim.ts';
import type { TraceSink } from './trace/events.ts';

/** A configuration with all defaults filled in. */
export interface ResolvedConfig extends Required<
  Omit<RaftConfig, 'logger' | 'trace' | 'onImpossibleClaim'>
> {
  readonly logger: RaftLogger | undefined;
  readonly trace: TraceSink | undefined;
  readonly onImpossibleClaim: ImpossibleClaimSink | undefined;
}

/**
 * Fills in the defaults and checks the configuration.
 *
 * @throws InvalidConfigError (`RAFT_CORE_CONFIG`) that names the first rule that is broken.
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
    // 1 byte hands out one entry at a time; with 0, none could ever be handed out.
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

/** The rules of etcd's `Config.validate`, in its order and with its texts. */
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

/** The rules that Go's types enforce in etcd. */
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
