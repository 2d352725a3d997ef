/**
 * Decides which snapshots this node takes from others, before any byte of their files is read. A
 * snapshot must come from the leader that this node knows, or, in a later term or without a known
 * leader, from a member. A node that knows no members yet has joined, and takes a snapshot from its
 * first leader. The snapshot must have this node among its members, or the core would ignore it.
 */
import type { Message } from '@babuza/raftpb';
import { isMember } from '../membership/membership.ts';

export interface WantedSnapshotParts {
  readonly nodeId: bigint;
  readonly status: () => { readonly term: number; readonly commit: number; readonly lead: bigint };
  readonly membership: () => { readonly members: ReadonlyMap<bigint, unknown> };
}

/** Why a snapshot is not taken; `undefined` when it is. */
export function snapshotRefusal(message: Message, parts: WantedSnapshotParts): string | undefined {
  const { from, term, snapshot } = message;
  if (snapshot?.data === undefined) return 'it offers a snapshot without a manifest';
  const { metadata } = snapshot;
  if (term < 1 || metadata.term < 1 || metadata.index < 1) {
    return `it offers a snapshot at index ${metadata.index} of term ${metadata.term} in term ${term}, expected 1 or more for each`;
  }
  if (metadata.term > term) {
    return `it offers a snapshot of term ${metadata.term} in the lower term ${term}`;
  }
  const { term: own, lead } = parts.status();
  if (term < own) return `it offers a snapshot in term ${term}, and this node is in term ${own}`;
  if (term === own && lead !== 0n && lead !== from) {
    return `it offers a snapshot, and the leader of term ${own} is ${lead}`;
  }
  const { members } = parts.membership();
  if (lead !== from && members.size > 0 && !members.has(from)) {
    return 'it offers a snapshot, and its sender is not a member';
  }
  if (isMember(metadata.confState, parts.nodeId)) return undefined;
  return 'it offers a snapshot whose members do not include this node';
}

/** Whether this node has committed everything that the snapshot holds. */
export function isOutdated({ snapshot }: Message, { status }: WantedSnapshotParts): boolean {
  return (snapshot?.metadata.index ?? 0) <= status().commit;
}
