/**
 * Writes a log anew into one segment: what tells its base, the entries up to an index, the markers,
 * the hard state. The segment gets its name when all of it is durable; from then on a replay of all
 * segments gives the new log, because entries that are recorded again drop those behind them. Then
 * the older segments go, the newest first: a gap says that what is before it does not count.
 */
import { encodeHardState, type HardState, type SnapshotMetadata } from '@babuza/raftpb';
import type { FileSystem } from '@babuza/vfs';
import type { LogState, PositionIndex } from '@babuza/wal-core';
import type { SegmentList } from '@babuza/wal-files';
import { RecordType } from '../format/layout.ts';
import { encodeEtcdSnapshot } from '../format/messages.ts';
import type { LogBase } from '../recovery/replayed-log.ts';
import type { EtcdEntryReader } from '../segment/entry-reader.ts';
import type { EtcdSegment } from '../segment/segment.ts';
import type { WalWriter } from './wal-writer.ts';

/** What is read, and written, at a time. */
const pieceBytes: number = 1024 * 1024;

/** The log that is written anew. */
export interface RewrittenLog {
  readonly directory: string;
  readonly writer: WalWriter;
  readonly segments: SegmentList<EtcdSegment>;
  readonly reader: EtcdEntryReader;
  readonly state: LogState<PositionIndex>;
  readonly base: LogBase;
}

/** Returns where the base is now, and the positions of the entries behind it up to `last`. */
export async function rewriteLog(
  fileSystem: FileSystem,
  log: RewrittenLog,
  last: number,
  hardState: HardState,
): Promise<{ base: LogBase; positions: number[] }> {
  const { writer, segments, directory, state } = log;
  const written = { basePosition: undefined as number | undefined, positions: [] as number[] };
  await writer.cut(
    {
      firstIndex: BigInt(state.baseIndex),
      hardState: encodeHardState(hardState),
      addRecords: async () => {
        written.basePosition = addBase(log);
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
    // Durable after it: that the last one before the new segment is gone, and so all before it do
    // not count.
    await fileSystem.syncDirectory(directory);
  }
  const { basePosition: position, positions } = written;
  return { base: { segmentId: segment.segmentId, position }, positions };
}

/** What tells the term at the base: its entry, its marker, or the record that begins every log. */
function addBase({ writer, reader, state, base }: RewrittenLog): number | undefined {
  const { baseIndex } = state;
  const marker = state.markers.find(({ index }) => index === baseIndex);
  if (base.position !== undefined) {
    const entry = reader.readAt(base.segmentId, base.position, baseIndex);
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
