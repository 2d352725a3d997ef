/**
 * Finds the newest undamaged snapshot of a survivor whose log is lost. That snapshot becomes the
 * beginning of a new log, with the membership that it holds; the recovery then removes all other
 * members.
 */
import { RaftError } from '../errors.ts';
import type { FirstState } from './open-node.ts';
import type { SnapshotManager } from '../ports/snapshot-manager.ts';
import { identityInNodePart } from '../apply/replicated-state.ts';
import { readNodePart } from '../snapshots/snapshot-files.ts';

/** @throws RaftError (`RAFT_NO_LOG`) when there is no undamaged snapshot either. */
export async function adoptedSnapshot(manager: SnapshotManager): Promise<FirstState> {
  for (const { metadata } of manager.list().toReversed()) {
    // `verify` sets a damaged snapshot aside.
    if (!(await manager.verify(metadata))) continue;
    await using open = await manager.read(metadata);
    return { metadata, identity: identityInNodePart(await readNodePart(open)) };
  }
  throw new RaftError(
    'RAFT_NO_LOG',
    'there is neither a log nor an undamaged snapshot to recover from: check the directory and that its volumes are mounted',
  );
}
