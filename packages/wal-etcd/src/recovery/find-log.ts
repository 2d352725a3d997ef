/**
 * Reads a log for the contract and judges it: which segments belong to it, what their records add
 * up to, how the last one ends. It changes nothing; `recover` acts on what was found.
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

export interface FoundEtcdLog {
  readonly metadata: WalMetadata;
  readonly metadataBytes: Uint8Array | undefined;
  readonly replayed: ReplayedLog;
  /** Open, in order, each with the checksum that it goes on from. */
  readonly segments: readonly EtcdSegment[];
  /** How the last segment ended. */
  readonly scan: SegmentScan;
  readonly tail: TailReport;
  readonly repaired: readonly { readonly file: string; readonly what: string }[];
}

/**
 * @throws NotFoundError, CorruptError where etcd would not open it either (or the numbers are too
 * large), ForeignFileError
 */
export async function findLog(
  fileSystem: FileSystem,
  directory: string,
  groupId: bigint,
  mode: OpenMode,
): Promise<FoundEtcdLog> {
  const names = await listSegments(fileSystem, directory);
  const chosen = lastRun(names);
  const first = chosen[0];
  if (first === undefined) throw new NotFoundError(`there is no log in ${directory}`);
  const opened: OpenSegment[] = [];
  try {
    for (const name of chosen) {
      if (name.sequence > BigInt(Number.MAX_SAFE_INTEGER)) {
        throw new ForeignFileError(`${directory}/${name.fileName}`, 'has a number above 2^53 - 1');
      }
      const path = `${directory}/${name.fileName}`;
      if (mode === 'write') await refuseRunningEtcd(fileSystem, path);
      opened.push(segmentOf(path, name, await fileSystem.open(path, mode)));
    }
    const { replayed, segments, last, scan } = await believe(opened, first, groupId);
    const wrong = replayed.finish(last.path);
    if (wrong !== undefined) throw wrong;
    const skipped = names.slice(0, names.length - chosen.length);
    refuseGap(directory, skipped, first, replayed, groupId);
    const { metadata, groupId: written } = decodeMetadata(
      replayed.metadata,
      `${directory}/${first.fileName}`,
    );
    if (written !== undefined && written !== groupId) {
      throw new ForeignFileError(last.path, `belongs to group ${written}, not to ${groupId}`);
    }
    return {
      metadata,
      metadataBytes: replayed.metadata,
      replayed,
      segments,
      scan,
      tail: await tailOf(last, scan, replayed),
      repaired: skipped.map(({ fileName }) => ({
        file: `${directory}/${fileName}`,
        what: 'a segment before a gap, which no snapshot needs, is not read',
      })),
    };
  } catch (error) {
    await closeSegments(opened).catch(() => undefined);
    throw error;
  }
}

/** The segments at the end whose numbers go up by one. */
function lastRun(names: readonly SegmentName[]): readonly SegmentName[] {
  const first = names.findLastIndex(
    ({ sequence }, at) => names[at - 1]?.sequence !== sequence - 1n,
  );
  return names.slice(first);
}

/**
 * Segments are missing in the middle. As etcd does, the log is read from a snapshot behind the gap
 * on; without one, acknowledged entries are gone.
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
  throw damage('missing-segment', 'segments are missing before this one', {
    file: `${directory}/${first.fileName}`,
    groupId,
  });
}

/** What was read of all segments. */
interface Contents {
  readonly replayed: ReplayedLog;
  readonly segments: readonly EtcdSegment[];
  /** The last one of them, and how it ended. */
  readonly last: EtcdSegment;
  readonly scan: SegmentScan;
}

/** Reads the log, and once more where it holds snapshots that do not count after all. */
async function believe(
  opened: readonly OpenSegment[],
  first: SegmentName,
  groupId: bigint,
): Promise<Contents> {
  let contents = await replay(opened, first, groupId);
  let believesUpTo = Infinity;
  if (contents.replayed.believedTooMuch) {
    believesUpTo = contents.replayed.state.hardState.commit;
    contents = await replay(opened, first, groupId, believesUpTo);
  }
  const { scan } = contents;
  const { uncoveredEnd } = contents.replayed;
  if (uncoveredEnd === undefined) return contents;
  const shorter = await replay(opened, first, groupId, believesUpTo, uncoveredEnd);
  // What was found behind it is dropped with it.
  return { ...shorter, scan: { ...shorter.scan, end: scan.end } };
}

/** Reads the segments, the last one up to `endsAt`. */
async function replay(
  opened: readonly OpenSegment[],
  first: SegmentName,
  groupId: bigint,
  believesUpTo = Infinity,
  endsAt = Infinity,
): Promise<Contents> {
  const replayed = new ReplayedLog(first, groupId, believesUpTo);
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
      throw damage('not-aligned', 'a record that does not end at a multiple of 8', at);
    }
    const cuttable = isLast && (scan.end === 'unexpected-end' || scan.end === 'torn');
    const error = cuttable ? undefined : damageOf(scan, path, { firstIndex, groupId });
    if (error !== undefined) throw error;
    if (isLast) return { replayed, segments, last, scan };
  }
  throw new RangeError('a log has segments');
}

function isAligned(offset: number): boolean {
  return offset % lengthFieldBytes === 0;
}

/**
 * What is cut behind the last record. Nothing in this format says what had been durable: only a
 * sector that was never written, in the last record that there is, speaks for a crash, and even
 * that a lost sector could be.
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
