/** Translates the configuration of a node into that of the Raft core. */
import { ReadOnlyOption, type RaftConfig } from '@babuza/raft-core';
import type { OpenedWal } from '@babuza/wal-core';
import type { ReplicatedState } from '../apply/replicated-state.ts';
import type { BabuzaConfig } from '../config.ts';
import type { RaftEvent } from '../events.ts';
import type { RaftComponent } from '../ports/component.ts';
import type { Logger } from '../ports/logger.ts';

/**
 * The most entries in one append message. Each entry costs the receiver an object, however small it
 * is. A message of 1 MiB could hold more than 100,000 entries, and transports refuse such a
 * message.
 */
const entriesPerMessageMax = 8192;

/** The parts of an opened node that determine the configuration of its core. */
interface ConfiguredNode {
  readonly config: BabuzaConfig;
  readonly component: Pick<RaftComponent, 'random'>;
  readonly logger: Logger | undefined;
  readonly state: Pick<ReplicatedState, 'appliedIndex'>;
  readonly opened: Pick<OpenedWal, 'storage'>;
}

export function coreConfig(node: ConfiguredNode, tell: (event: RaftEvent) => void): RaftConfig {
  const { config, component, logger, state, opened } = node;
  return {
    id: config.nodeId,
    storage: opened.storage,
    applied: state.appliedIndex,
    asyncStorageWrites: true,
    electionTick: config.electionTicks,
    heartbeatTick: config.heartbeatTicks,
    random: () => component.random.uint32() / 2 ** 32,
    maxSizePerMsg: config.messageBytesMax,
    maxEntriesPerMsg: entriesPerMessageMax,
    maxCommittedSizePerReady: config.applyBytesMax,
    maxUncommittedEntriesSize: config.uncommittedBytesMax,
    maxInflightMsgs: config.inflightMessagesMax,
    maxInflightBytes: config.inflightBytesMax,
    checkQuorum: config.checkQuorum,
    preVote: config.preVote,
    // A node that was killed may restart with a lower commit index than it has acknowledged, so
    // even a single voter confirms its reads.
    onlyVoterReadsAtOnce: false,
    readOnlyOption: config.leaseReads ? ReadOnlyOption.LeaseBased : ReadOnlyOption.Safe,
    disableProposalForwarding: !config.forwardProposals,
    stepDownOnRemoval: true,
    logger: logger === undefined ? undefined : coreLogger(logger),
    onImpossibleClaim: ({ from: member, kind, claimed, atMost, term, times }) => {
      // The core is in the middle of a step, and a listener may call the node, so the event is
      // emitted later.
      queueMicrotask(() =>
        tell({ type: 'impossible-claim', member, kind, claimed, atMost, term, times }),
      );
    },
  };
}

function coreLogger(logger: Logger): RaftConfig['logger'] {
  return {
    log: (level, line) => {
      if (level === 'debug') return;
      const text = line();
      if (level === 'info') logger.info(text);
      else if (level === 'warn') logger.warn(text);
      else logger.error(text);
    },
  };
}
