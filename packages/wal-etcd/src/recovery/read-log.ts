/**
 * Reads a whole log for the contract of wal-core: which segments belong to it, the state after all
 * records, and how the last segment ends. It changes nothing; `recover` acts on the result.
 */
import type { FileSystem, OpenMode } from '@babuza/vfs';
import {
  type CorruptError,
  ForeignFileError,
  NotFoundError,
  type TailReport,
  type WalMetadata,
} from '@babuza/wal-core';
import { closeSegments } from '@babuza/wal-files';
import { lengthFieldBytes } from '../format/layout.ts';
import { decodeMetadata } from '../format/metadata.ts';
import type { SegmentName } from '../format/segment-name.ts';
import { refuseRunningEtcd } from '../segment/foreign-lock.ts';
import { segmentOf, type EtcdSegment, type OpenSegment } from '../segment/segment.ts';
import { leftoverBytes } from './append-point.ts';
import { damage, damageOf } from './damage.ts';
import { listSegments } from './list-segments.ts';
import { ReplayedLog } from './replayed-log.ts';
import { scanSegment, type SegmentScan } from './scan.ts';

export interface LogContents {
  readonly directory: string;
  readonly groupId: bigint;
  readonly metadata: WalMetadata;
  readonly metadataBytes: Uint8Array | undefined;
  readonly replayed: ReplayedLog;
  /** The open segments in order, each with the checksum that it continues. */
  readonly segments: readonly EtcdSegment[];
  /** The scan of the last segment. */
  readonly scan: SegmentScan;
  readonly tail: TailReport;
  readonly repaired: readonly { readonly file: string; readonly what: string }[];
}

/**
 * @throws NotFoundError, CorruptError when etcd would not open the log either or its numbers are
 * too large, ForeignFileError
 */
export async function readLog(
  fileSystem: FileSystem,
  directory: string,
  groupId: bigint,
  mode: OpenMode,
): Promise<LogContents> {
  const names = await listSegments(fileSystem, directory);
  const chosen = lastRun(names);
  const first = chosen[0];
  if (first === undefined) throw new NotFoundError(`there is no log in ${directory}`);
  const opened: OpenSegment[] = [];
  try {
    for (const name of chosen) {
      if (name.sequence > BigInt(Number.MAX_SAFE_INTEGER)) {
        throw new ForeignFileError(
          `${directory}/${name.fileName}`,
          'the number of the segment is above 2^53 - 1',
        );
      }
      const path = `${directory}/${name.fileName}`;
      if (mode === 'write') await refuseRunningEtcd(fileSystem, path);
      opened.push(segmentOf(path, name, await fileSystem.open(path, mode)));
    }
    const { replayed, segments, last, scan } = await replayCovered(opened, first, groupId);
    const wrong = replayed.finish(last.path);
    if (wrong !== undefined) throw wrong;
    const skipped = names.slice(0, names.length - chosen.length);
    refuseGap(directory, skipped, first, replayed, groupId);
    const { metadata, groupId: written } = decodeMetadata(
      replayed.metadata,
      `${directory}/${first.fileName}`,
    );
    if (written !== undefined && written !== groupId) {
      throw new ForeignFileError(
        last.path,
        `the log belongs to group ${written}, expected group ${groupId}`,
      );
    }
    return {
      directory,
      groupId,
      metadata,
      metadataBytes: replayed.metadata,
      replayed,
      segments,
      scan,
      tail: await tailOf(last, scan, replayed),
      repaired: skipped.map(({ fileName }) => ({
        file: `${directory}/${fileName}`,
        what: 'the segment is not read: it lies before a gap, and no snapshot needs it',
      })),
    };
  } catch (error) {
    await closeSegments(opened).catch(() => undefined);
    throw error;
  }
}

/** Returns the longest run of segments with consecutive numbers at the end. */
function lastRun(names: readonly SegmentName[]): readonly SegmentName[] {
  const first = names.findLastIndex(
    ({ sequence }, at) => names[at - 1]?.sequence !== sequence - 1n,
  );
  return names.slice(first);
}

/**
 * Refuses a gap in the numbers of the segments if acknowledged entries are lost with it. Like etcd,
 * a replay can start from a snapshot after the gap.
 */
function refuseGap(
  directory: string,
  skipped: readonly SegmentName[],
  first: SegmentName,
  { state }: ReplayedLog,
  groupId: bigint,
): void {
  if (skipped.length === 0 || first.firstIndex === 0n) return;
  if (state.validMarkers().length > 0) return;
  throw damage(
    'missing-segment',
    'segments before this one are missing, and no snapshot after the gap is valid',
    {
      file: `${directory}/${first.fileName}`,
      groupId,
    },
  );
}

/** The result of reading all segments. */
interface ReplayedSegments {
  readonly replayed: ReplayedLog;
  readonly segments: readonly EtcdSegment[];
  /** The last segment and its scan. */
  readonly last: EtcdSegment;
  readonly scan: SegmentScan;
}

/**
 * Reads the log. If it has snapshot records without a hard state that covers them, it is read again
 * without them.
 */
async function replayCovered(
  opened: readonly OpenSegment[],
  first: SegmentName,
  groupId: bigint,
): Promise<ReplayedSegments> {
  let contents = await replay(opened, first, groupId);
  let snapshotIndexMax = Infinity;
  if (contents.replayed.hasUncoveredReset) {
    snapshotIndexMax = contents.replayed.state.hardState.commit;
    contents = await replay(opened, first, groupId, snapshotIndexMax);
  }
  const { scan } = contents;
  const { uncoveredEnd } = contents.replayed;
  if (uncoveredEnd === undefined) return contents;
  const shorter = await replay(opened, first, groupId, snapshotIndexMax, uncoveredEnd);
  // The end of the first scan stays: `recover` drops the marker together with the bytes after it.
  return { ...shorter, scan: { ...shorter.scan, end: scan.end } };
}

/** Reads the segments, and the last one up to the offset `endsAt`. */
async function replay(
  opened: readonly OpenSegment[],
  first: SegmentName,
  groupId: bigint,
  snapshotIndexMax = Infinity,
  endsAt = Infinity,
): Promise<ReplayedSegments> {
  const replayed = new ReplayedLog(first, groupId, snapshotIndexMax);
  const segments: EtcdSegment[] = [];
  let checksum = 0;
  for (const [at, segment] of opened.entries()) {
    const { file, path, segmentId } = segment;
    const isLast = at === opened.length - 1;
    const last = { ...segment, startChecksum: checksum };
    segments.push(last);
    let refused: CorruptError | undefined;
    let aligned = true;
    const scan = await scanSegment({ file, checksum, isLast }, (record) => {
      aligned = isAligned(record.offset);
      const counts = aligned && !(isLast && record.offset >= endsAt);
      if (counts) refused = replayed.visit(record, segmentId, path);
      return counts && refused === undefined;
    });
    checksum = scan.checksum;
    if (refused !== undefined) throw refused;
    const firstIndex = replayed.state.index.lastIndex + 1;
    if (!aligned || !isAligned(scan.validEnd)) {
      const at = { file: path, offset: scan.lastOffset, firstIndex, groupId };
      throw damage('not-aligned', 'a record does not end at a multiple of 8', at);
    }
    const cuttable = isLast && (scan.end === 'unexpected-end' || scan.end === 'torn');
    const error = cuttable ? undefined : damageOf(scan, path, { firstIndex, groupId });
    if (error !== undefined) throw error;
    if (isLast) return { replayed, segments, last, scan };
  }
  throw new RangeError('a log must have a segment');
}

function isAligned(offset: number): boolean {
  return offset % lengthFieldBytes === 0;
}

/**
 * Describes the bytes after the last record that are going to be dropped. This format does not
 * record what was durable. Only a zeroed sector in the last record indicates a torn write, and a
 * lost sector could cause that too.
 */
async function tailOf(
  { path, file }: EtcdSegment,
  { end, validEnd, tornBytes }: SegmentScan,
  { state }: ReplayedLog,
): Promise<TailReport> {
  const left = await leftoverBytes(file, validEnd);
  if (left === 0) return { verdict: 'clean', bytesDropped: 0 };
  return {
    verdict: end === 'torn' && left <= tornBytes ? 'torn' : 'uncertain',
    bytesDropped: left,
    file: path,
    offset: validEnd,
    firstIndex: state.index.lastIndex + 1,
  };
}
