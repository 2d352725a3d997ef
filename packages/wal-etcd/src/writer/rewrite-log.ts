/**
 * Writes the whole log again into one new segment: the record that gives the term before the first
 * entry, the entries up to an index, the markers and the hard state. The segment gets its name when
 * all of it is durable. From then on a replay of all segments yields the new log, because repeated
 * entries drop the entries above them. Then the older segments are removed, the newest first: the
 * gap in the numbers tells a replay to ignore the segments before it.
 */
import { encodeHardState, type HardState, type SnapshotMetadata } from '@babuza/raftpb';
import type { FileSystem } from '@babuza/vfs';
import type { LogState, PositionIndex } from '@babuza/wal-core/backend';
import type { SegmentList } from '@babuza/wal-files';
import { RecordType } from '../format/layout.ts';
import { encodeEtcdSnapshot } from '../format/messages.ts';
import type { LogStart } from '../recovery/replayed-log.ts';
import type { EtcdEntryReader } from '../segment/entry-reader.ts';
import type { EtcdSegment } from '../segment/segment.ts';
import type { WalWriter } from './wal-writer.ts';

/** Bytes that are read and written at a time. */
const pieceBytes: number = 1024 * 1024;

/** The parts of the log that is written again. */
export interface RewrittenLog {
  readonly directory: string;
  readonly writer: WalWriter;
  readonly segments: SegmentList<EtcdSegment>;
  readonly reader: EtcdEntryReader;
  readonly state: LogState<PositionIndex>;
  readonly start: LogStart;
}

/** Returns the new start of the log, and the positions of the entries after it up to `last`. */
export async function rewriteLog(
  fileSystem: FileSystem,
  log: RewrittenLog,
  last: number,
  hardState: HardState,
): Promise<{ start: LogStart; positions: number[] }> {
  const { writer, segments, directory, state } = log;
  const written = { startPosition: undefined as number | undefined, positions: [] as number[] };
  await writer.cut(
    {
      firstIndex: BigInt(state.baseIndex),
      hardState: encodeHardState(hardState),
      addRecords: async () => {
        written.startPosition = addStart(log);
        written.positions = await addEntries(log, last);
        for (const marker of state.markers) {
          if (marker.index > state.baseIndex) addMarker(writer, marker);
        }
      },
    },
    true,
  );
  const { segment } = writer;
  segments.add(segment);
  for (const { file, path } of segments.removeBelow(segment.segmentId).reverse()) {
    await file.close();
    await fileSystem.unlink(path);
    // The newest of the old segments is removed durably first. After that the gap makes a replay
    // ignore all older ones.
    await fileSystem.syncDirectory(directory);
  }
  const { startPosition: position, positions } = written;
  return { start: { segmentId: segment.segmentId, position }, positions };
}

/**
 * Writes the record that gives the term before the first entry: an entry, a marker, or the record
 * at the beginning of every log.
 */
function addStart({ writer, reader, state, start }: RewrittenLog): number | undefined {
  const { baseIndex } = state;
  const marker = state.markers.find(({ index }) => index === baseIndex);
  if (start.position !== undefined) {
    const entry = reader.readAt(start.segmentId, start.position, baseIndex);
    const position = writer.addEntry(entry);
    if (marker !== undefined) addMarker(writer, marker);
    return position;
  }
  if (marker !== undefined) addMarker(writer, marker);
  else writer.add(RecordType.Snapshot, encodeEtcdSnapshot({ index: 0n, term: 0n }));
  return undefined;
}

async function addEntries(
  { writer, reader, state }: RewrittenLog,
  last: number,
): Promise<number[]> {
  const positions: number[] = [];
  for (let index = state.baseIndex + 1; index <= last;) {
    const entries = reader.read(index, last + 1, pieceBytes);
    for (const entry of entries) positions.push(writer.addEntry(entry));
    index += entries.length;
    if (writer.pendingBytes >= pieceBytes) await writer.flush(false);
  }
  return positions;
}

function addMarker(writer: WalWriter, { index, term, confState }: SnapshotMetadata): void {
  const snapshot = { index: BigInt(index), term: BigInt(term), confState };
  writer.add(RecordType.Snapshot, encodeEtcdSnapshot(snapshot));
}
