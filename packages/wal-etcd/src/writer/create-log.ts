/**
 * Creates the first segment of a log with its checksum record, its metadata and a snapshot record
 * of index 0, and then renames it to its final name. A crash before the rename leaves a `.tmp` file
 * only, which etcd ignores and the next creation removes. (etcd creates `DIR.tmp` beside the
 * directory and renames that. Here the directory already holds the lock.)
 */
import { isRefusal } from '@babuza/wal-core';
import { prepareFailure, stepFailure, type SpareFile } from '@babuza/wal-files';
import { RecordType } from '../format/layout.ts';
import { encodeEtcdSnapshot } from '../format/messages.ts';
import { segmentName } from '../format/segment-name.ts';
import { segmentOf, startOfSegment } from '../segment/segment.ts';
import { WalWriter, type WalWriterParts } from './wal-writer.ts';

/** Throws errors of wal-core. */
export async function createLog(parts: WalWriterParts): Promise<WalWriter> {
  const { environment, directory, segmentBytes, spares } = parts;
  const name = segmentName(0n, 0n);
  const path = `${directory}/${name.fileName}`;
  let spare: SpareFile;
  try {
    spare = await spares.take(0, segmentBytes);
  } catch (error) {
    throw prepareFailure(error);
  }
  try {
    const writer = new WalWriter(parts, {
      segment: { ...segmentOf(path, name, spare.file), startChecksum: 0 },
      end: 0,
      fileBytes: segmentBytes,
      checksum: 0,
      lastOffset: startOfSegment,
    });
    writer.addHead(undefined);
    writer.add(RecordType.Snapshot, encodeEtcdSnapshot({ index: 0n, term: 0n }));
    // 1. After this step the content is durable, under a temporary name that is never read.
    await writer.flush(true);
    // 2. After this step the log exists durably.
    await environment.fileSystem.rename(spare.path, path);
    await environment.fileSystem.syncDirectory(directory);
    return writer;
  } catch (error) {
    await spare.file.close().catch(() => undefined);
    const failure = stepFailure(error);
    // A refused creation can be repeated, so no file may stay that looks like a log.
    if (isRefusal(failure)) {
      for (const name of [path, spare.path]) {
        await environment.fileSystem.unlink(name).catch(() => undefined);
      }
    }
    throw failure;
  }
}
