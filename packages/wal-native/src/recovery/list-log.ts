/** Lists the files in the directory of a native log. */
import type { FileSystem } from '@babuza/vfs';
import { ForeignFileError } from '@babuza/wal-core';
import { isTemporaryName, parseSegmentName, type SegmentName } from '../format/segment-name.ts';

export interface Listing {
  readonly segments: readonly SegmentName[];
  readonly temporaries: readonly string[];
}

/**
 * Lists the files of a log. Throws `ForeignFileError` for a name that ends in `.wal` but is not
 * that of a native segment.
 */
export async function listLog(fileSystem: FileSystem, directory: string): Promise<Listing> {
  const segments: SegmentName[] = [];
  const temporaries: string[] = [];
  for (const { name, kind } of await fileSystem.list(directory)) {
    const segment = parseSegmentName(name);
    if (segment !== undefined && kind === 'file') segments.push(segment);
    else if (isTemporaryName(name)) temporaries.push(`${directory}/${name}`);
    else if (name.endsWith('.wal')) {
      throw new ForeignFileError(`${directory}/${name}`, 'is not a file of a native log');
    }
  }
  segments.sort((left, right) => left.segmentId - right.segmentId);
  return { segments, temporaries };
}
