/**
 * Opens a segment file and verifies its header: it must be intact, and match the name of the file
 * and the group. Changes nothing.
 */
import type { FileSystem, OpenMode } from '@babuza/vfs';
import { CorruptError, ForeignFileError, UnknownVersionError } from '@babuza/wal-core';
import { formatVersion, framesStart, headerPageBytes, trailerBytes } from '../format/layout.ts';
import { decodeTrailer, footerMatches, type Seal } from '../format/seal.ts';
import { decodeHeaderPage, type SegmentHeader } from '../format/segment-header.ts';
import type { SegmentName } from '../format/segment-name.ts';
import type { Segment } from './segment.ts';

export interface OpenedSegment {
  readonly segment: Segment;
  /** Set if one of the two header pages is damaged and the other one was used. */
  readonly repaired: string | undefined;
}

export async function openSegment(
  fileSystem: FileSystem,
  directory: string,
  name: SegmentName,
  groupId: bigint,
  mode: OpenMode,
): Promise<OpenedSegment> {
  const path = `${directory}/${name.fileName}`;
  const file = await fileSystem.open(path, mode);
  try {
    const bytes = await file.size();
    const pages = new Uint8Array(framesStart);
    const read = await file.read(pages, 0);
    const { header, repaired } = chooseHeader(path, groupId, pages.subarray(0, read), bytes);
    checkBelonging(path, name, groupId, header);
    if (bytes !== header.segmentBytes) {
      throw new CorruptError(
        `the file has ${bytes} bytes, its header says ${header.segmentBytes}`,
        {
          groupId,
          file: path,
          offset: Math.min(bytes, header.segmentBytes),
          verdict: 'corrupt-length',
        },
      );
    }
    const trailer = new Uint8Array(trailerBytes);
    await file.read(trailer, bytes - trailerBytes);
    const seal = decodeTrailer(trailer, header);
    const { segmentId, fileName } = name;
    return { segment: { segmentId, path, fileName, file, header, seal }, repaired };
  } catch (error) {
    await file.close().catch(() => undefined);
    throw error;
  }
}

/** Whether the footer of a sealed segment is intact. */
export async function footerIsWhole(segment: Segment, seal: Seal): Promise<boolean> {
  const footer = new Uint8Array(seal.footerBytes);
  const read = await segment.file.read(footer, seal.footerOffset);
  return read === footer.length && footerMatches(footer, seal);
}

function chooseHeader(
  path: string,
  groupId: bigint,
  pages: Uint8Array,
  fileBytes: number,
): { header: SegmentHeader; repaired: string | undefined } {
  const first = decodeHeaderPage(pages.subarray(0, headerPageBytes));
  const second = decodeHeaderPage(pages.subarray(headerPageBytes));
  if (first.kind === 'ok') {
    return { header: first.header, repaired: second.kind === 'ok' ? undefined : damagedPage(2) };
  }
  if (second.kind === 'ok') return { header: second.header, repaired: damagedPage(1) };
  const found = [first, second];
  for (const page of found) {
    if (page.kind === 'unknown-version') {
      throw new UnknownVersionError(
        path,
        page.version,
        `this release reads version ${formatVersion}; use the release that wrote it`,
      );
    }
  }
  const lost = fileBytes < framesStart || found.some(({ kind }) => kind === 'damaged');
  if (lost || pages.every((byte) => byte === 0)) {
    throw new CorruptError('both copies of the segment header are damaged', {
      groupId,
      file: path,
      offset: 0,
      verdict: 'corrupt-header',
    });
  }
  throw new ForeignFileError(path, 'has the name of a segment but is not one');
}

function damagedPage(page: number): string {
  return `header page ${page} of 2 is damaged; the other one is used`;
}

function checkBelonging(
  path: string,
  name: SegmentName,
  groupId: bigint,
  header: SegmentHeader,
): void {
  if (header.segmentId !== name.segmentId || header.salt !== name.salt) {
    throw new ForeignFileError(
      path,
      `is segment ${header.segmentId} with salt ${header.salt.toString(16)} under another name`,
    );
  }
  if (header.groupId !== groupId) {
    throw new ForeignFileError(path, `belongs to group ${header.groupId}, not to ${groupId}`);
  }
}
