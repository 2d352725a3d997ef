/**
 * Checks that the components of a start fit together: the node's own address in the configuration,
 * the transport and the first members; and the size of entries in the configuration and the log. A
 * mismatch would otherwise show up later, as a member that the others refuse, or not at all.
 */
import type { OpenedWal } from '@babuza/wal-core';
import type { BabuzaConfig } from '../config.ts';
import { RaftConfigError } from '../errors.ts';
import { sameFirstMembers, textOfPeers, type FirstMember } from './first-members.ts';
import type { Logger } from '../ports/logger.ts';
import type { Transport } from '../ports/transport.ts';

/**
 * Throws `RAFT_CONFIG` when the transport tells the other members another address than the
 * configuration has.
 */
export function checkTransportAddress(
  { nodeId, address }: BabuzaConfig,
  transport: Transport,
): void {
  const { address: told } = transport;
  if (told === undefined || told === address) return;
  throw new RaftConfigError(
    `the address of node ${nodeId} is '${address}' in its configuration and '${told}' in its transport (transportOptions.address); the other members compare it letter by letter: give both the same`,
  );
}

/**
 * Throws `RAFT_CONFIG` when the first members have another address for this node than its
 * configuration.
 */
export function checkOwnPeer(
  { nodeId, address }: BabuzaConfig,
  own: { readonly address: string } | undefined,
): void {
  if (own === undefined) {
    throw new RaftConfigError(`node ${nodeId} is not one of the peers; use joinRaftCluster`);
  }
  if (own.address === address) return;
  throw new RaftConfigError(
    `the address of node ${nodeId} is '${address}' in its configuration and '${own.address}' in peers; the other members compare it letter by letter: give both the same`,
  );
}

/**
 * Throws `RAFT_CONFIG` when the log was created with another largest entry than the configuration
 * has.
 */
export function checkEntryBytesMax(
  { entryBytesMax: configured }: BabuzaConfig,
  { entryBytesMax: fixed }: { readonly entryBytesMax: number },
): void {
  if (fixed === configured) return;
  throw new RaftConfigError(
    `entryBytesMax is ${configured} in the configuration and ${fixed} in the log, which fixes it for all members; start with ${fixed}, or begin a new cluster with ${configured} from an exported snapshot (docs/running-a-cluster.md)`,
  );
}

/**
 * Logs where the log ends. An operator compares these lines: the member with the highest last term,
 * and then index, has every committed entry.
 */
export function tellLog(
  { nodeId }: BabuzaConfig,
  { storage, hardState }: OpenedWal,
  logger: Logger | undefined,
): void {
  if (logger === undefined) return;
  const lastIndex = storage.lastIndex();
  const lastTerm = storage.term(lastIndex);
  logger.info('the log is open', { nodeId, lastIndex, lastTerm, commitIndex: hardState.commit });
}

/**
 * Logs one line when a restart is given other peers than the cluster began with, because they have
 * no effect. `given` may be any value: the start does not use it.
 */
export function tellOtherPeers(
  given: unknown,
  first: readonly FirstMember[] | undefined,
  logger: Logger | undefined,
): void {
  if (first === undefined || sameFirstMembers(given, first)) return;
  logger?.info(
    'peers differ from the first members of this cluster; they count at the first start only, and the membership in the log is used',
    { given: textOfPeers(given), first: textOfPeers(first) },
  );
}
