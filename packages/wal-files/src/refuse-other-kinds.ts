/** Refuses a directory with a log of another kind than the one that is being opened. */
import type { FileSystem } from '@babuza/vfs';
import { ForeignFileError } from '@babuza/wal-core';
import { findLogKinds, type FoundKind } from './log-kinds.ts';

/**
 * Resolves if the directory holds no log, or only logs of the kind `walType`. Changes nothing.
 * `walType` is the canonical name of a WAL type, such as `babuza-wal`.
 *
 * Rejects with a `ForeignFileError` (`WAL_FOREIGN`), whose message names every kind that was found
 * and what to do, or with a `FileError` if the directory cannot be read.
 */
export async function refuseOtherKinds(
  fileSystem: FileSystem,
  directory: string,
  walType: string,
): Promise<void> {
  const found = await findLogKinds(fileSystem, directory);
  const [first, second] = found;
  if (first === undefined) return;
  if (second !== undefined) throw new ForeignFileError(directory, severalKinds(found, walType));
  if (first.kind.walType === walType) return;
  throw new ForeignFileError(directory, otherKind(first, walType));
}

function otherKind(found: FoundKind, opened: string): string {
  const { walType, advice } = found.kind;
  const described = `the directory holds ${describe(found)} and was opened as '${opened}'. Nothing was changed.`;
  if (walType === undefined) return `${described} ${advice ?? ''}`.trimEnd();
  return `${described} Set walType to '${walType}'. To change the type of a log, call exportSnapshot on a node that still uses '${walType}', and start a new cluster from that snapshot in empty directories.`;
}

function severalKinds(found: readonly FoundKind[], opened: string): string {
  return `the directory holds ${found.map(describe).join(' and ')} and was opened as '${opened}'. A directory holds one kind of log. Nothing was changed. Find out which of them this node wrote last, move the files of the others away without deleting them, and start the node with the walType of the one that stays.`;
}

function describe({ kind: { title, walType }, evidence }: FoundKind): string {
  const type = walType === undefined ? '' : `walType '${walType}', `;
  return `${title} (${type}found by ${evidence})`;
}
