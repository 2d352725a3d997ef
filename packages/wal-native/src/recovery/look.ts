/**
 * Looking at a log without owning it; what looks wrong is looked at again by those who call this.
 */
import type { FileSystem } from '@babuza/vfs';
import { NotFoundError, type TailReport } from '@babuza/wal-core';
import { closeSegments } from '@babuza/wal-files';
import { lastFinding, listLog, readLog, type LogContents } from './read-log.ts';
import { tailReport } from './recover.ts';

/** Reads the log once; its files are closed again. */
export async function lookAtLog(
  fileSystem: FileSystem,
  directory: string,
  groupId: bigint,
): Promise<{ log: LogContents; tail: TailReport }> {
  const listing = await listLog(fileSystem, directory);
  if (listing.segments.length === 0) throw new NotFoundError(`there is no log in ${directory}`);
  const log = await readLog(fileSystem, directory, groupId, listing, 'read');
  await closeSegments(log.findings.map(({ segment }) => segment));
  return { log, tail: tailReport(lastFinding(log)) };
}
