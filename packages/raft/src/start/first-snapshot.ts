/**
 * Makes the snapshot that a cluster begins with: its first membership, and either no state or that
 * of an exported snapshot. Its files are durable before its record, so a start that did not end may
 * have left them. They are used again if they hold what this start was given. Otherwise the start
 * is refused, because no other member would begin like this one.
 *
 * Decisions: docs/decisions/0024-snapshots-before-their-records.md and
 * docs/decisions/0025-membership-is-replicated-state.md.
 */
import type { SnapshotMetadata } from '@babuza/raftpb';
import { isObject, refuse } from '../support/checks.ts';
import { RaftError } from '../errors.ts';
import { ExportReader } from '../snapshots/exported-snapshot.ts';
import { firstMembersOf } from './first-members.ts';
import { checkNothingWithoutLog } from '../identity/check-start.ts';
import { originOf, restoredIdentity, unknownIdentity } from '../identity/cluster-identity.ts';
import { confStateOf, type Membership } from '../membership/membership.ts';
import type { FirstState } from './open-node.ts';
import type { RaftComponent } from '../ports/component.ts';
import type { SnapshotFiles, SnapshotManager } from '../ports/snapshot-manager.ts';
import { nodeFileName, ReplicatedState } from '../apply/replicated-state.ts';
import { firstTerm, mustRestart } from './restarted-terms.ts';
import { readNodePart } from '../snapshots/snapshot-files.ts';

const first = { index: 1, term: 1 };

/** The options that determine the first snapshot; the same on each of the first members. */
export interface FirstSnapshotSource {
  readonly clusterId: bigint;
  readonly groupId: bigint;
  readonly membership: Membership;
  readonly token: string | undefined;
  /** An exported snapshot. */
  readonly stream: AsyncIterable<Uint8Array> | undefined;
}

/**
 * The snapshot is durable when this resolves. A crash before its record leaves a log that is still
 * empty.
 */
export async function createFirstSnapshot(
  source: FirstSnapshotSource,
  { sessionManager, snapshotManager }: RaftComponent,
): Promise<FirstState> {
  const state = new ReplicatedState(sessionManager);
  if (source.stream !== undefined) return fromExport(source, source.stream, state, snapshotManager);
  // The manager may have served another node before.
  sessionManager.restore();
  const { membership } = source;
  state.membership = membership;
  state.identity = { ...unknownIdentity, origin: originOf({ ...source, exportId: undefined }) };
  state.firstMembers = firstMembersOf(membership);
  const metadata: SnapshotMetadata = { ...first, confState: confStateOf(membership) };
  await create(snapshotManager, metadata, async (files) => {
    const nodePart = state.encode();
    await files.writeFile(nodeFileName, [nodePart]);
    return nodePart;
  });
  return { metadata, identity: state.identity };
}

/** Makes the first snapshot from an export, at the index of the export. */
async function fromExport(
  source: FirstSnapshotSource,
  stream: AsyncIterable<Uint8Array>,
  state: ReplicatedState,
  manager: SnapshotManager,
): Promise<FirstState> {
  if (!isObject(stream) || !(Symbol.asyncIterator in stream)) {
    refuse('snapshot', stream, 'a stream of bytes, as exportSnapshot gives it');
  }
  const { membership } = source;
  const reader = new ExportReader(stream);
  try {
    const { index, term: exportedTerm, exportId } = await reader.header();
    // The new cluster has no history, so a term that no election leads to is replaced by the first
    // one.
    const term = mustRestart(exportedTerm) ? firstTerm : exportedTerm;
    const origin = originOf({ ...source, exportId });
    const metadata: SnapshotMetadata = { index, term, confState: confStateOf(membership) };
    let nodePart = new Uint8Array(0);
    const withMembership = (bytes: Uint8Array): Uint8Array => {
      state.restore(bytes, metadata);
      state.membership = membership;
      state.identity = restoredIdentity(state.identity, origin);
      state.firstMembers = firstMembersOf(membership);
      nodePart = new Uint8Array(state.encode());
      return nodePart;
    };
    await create(manager, metadata, async (files) => {
      await reader.copyTo(files, nodeFileName, withMembership);
      return nodePart;
    });
    return { metadata, identity: state.identity };
  } finally {
    await reader.close();
  }
}

/** `write` writes all files, and returns the node's part of them. */
async function create(
  manager: SnapshotManager,
  metadata: SnapshotMetadata,
  write: (files: SnapshotFiles) => Promise<Uint8Array>,
): Promise<void> {
  const { index, term } = metadata;
  const stored = manager.list();
  const isThere = stored.some(
    (each) => each.metadata.index === index && each.metadata.term === term,
  );
  const others = stored.filter(
    (each) => each.metadata.index !== index || each.metadata.term !== term,
  );
  checkNothingWithoutLog(
    undefined,
    others.map((each) => each.metadata.index),
    0,
  );
  // `verify` sets a damaged snapshot aside.
  if (!isThere || !(await manager.verify(metadata))) {
    await manager.create(metadata, async (files) => void (await write(files)));
    return;
  }
  const wanted = await write(nowhere);
  await using open = await manager.read(metadata);
  if (Buffer.compare(await readNodePart(open), wanted) === 0) return;
  throw new RaftError(
    'RAFT_STATE_UNREADABLE',
    `an earlier start, which did not end, has left a first snapshot (${index}) with other members or another state; start with those again, or with an empty directory`,
  );
}

/** Takes files and discards them. */
const nowhere: SnapshotFiles = {
  writeFile: async (_, chunks) => {
    for await (const chunk of chunks) void chunk;
  },
  linkFile: async () => undefined,
};
