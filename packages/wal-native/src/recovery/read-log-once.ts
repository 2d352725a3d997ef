/**
 * Reads a log without its lock. Because the log may change meanwhile, the caller repeats the read
 * before it reports damage (`readSteadily`).
 */
import type { FileSystem } from '@babuza/vfs';
import { NotFoundError, type TailReport } from '@babuza/wal-core';
import { closeSegments } from '@babuza/wal-files';
import { listLog } from './list-log.ts';
import { lastFinding, readLog, type LogContents } from './read-log.ts';
import { tailReport } from './recover.ts';

/** Reads the log once and closes its files. */
export async function readLogOnce(
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
