/**
 * Creates, finds and recovers the files of a native log, and assembles the reader and the store on
 * top of them.
 */
import type { TailReport, WalMetadata } from '@babuza/wal-core';
import { LogState, PositionIndex } from '@babuza/wal-core/backend';
import type { SnapshotMetadata } from '@babuza/raftpb';
import {
  SegmentList,
  SpareFiles,
  type FoundLog,
  type LastSegments,
  type LogFiles,
  type LogLocation,
  type ReadyLog,
} from '@babuza/wal-files';
import { isTemporaryName, spareNames } from './format/segment-name.ts';
import { NativeStore } from './native-store.ts';
import type { CheckedOptions } from './options.ts';
import { listLog } from './recovery/list-log.ts';
import { readLogOnce } from './recovery/read-log-once.ts';
import { readLog } from './recovery/read-log.ts';
import { recover, type AppendPoint } from './recovery/recover.ts';
import type { LogStart } from './recovery/replayed-log.ts';
import { SegmentEntryReader } from './segment/entry-reader.ts';
import type { Segment } from './segment/segment.ts';
import { createFirstSegment, firstAppendPoint } from './writer/create-segment.ts';
import { BatchEncoder } from './writer/batch-encoder.ts';

/** The parts of an open log, whether it was created or recovered. */
interface Assembly {
  readonly metadata: WalMetadata;
  readonly state: LogState<PositionIndex>;
  readonly start: LogStart;
  readonly segments: readonly Segment[];
  readonly appendPoint: AppendPoint;
  readonly spares: SpareFiles;
}

export class NativeLogFiles implements LogFiles {
  readonly #options: CheckedOptions;

  constructor(options: CheckedOptions) {
    this.#options = options;
  }

  async hasLog(directory: string): Promise<boolean> {
    const { segments } = await listLog(this.#options.environment.fileSystem, directory);
    return segments.length > 0;
  }

  isTemporary(name: string): boolean {
    return isTemporaryName(name);
  }

  async lastSegments(directory: string): Promise<LastSegments> {
    const { segments } = await listLog(this.#options.environment.fileSystem, directory);
    const fileNames = segments.slice(-2).map(({ fileName }) => fileName);
    return { fileNames, temporaryName: spareNames.spare(0) };
  }

  async create(location: LogLocation, metadata: WalMetadata): Promise<ReadyLog> {
    const { environment, segmentBytes } = this.#options;
    const spares = this.#sparesOf(location);
    const state = new LogState(new PositionIndex());
    const start = { index: 0, term: 0, segmentId: 1 };
    const created = await createFirstSegment(
      {
        environment,
        directory: location.directory,
        groupId: location.groupId,
        metadata,
        segmentBytes,
        segmentId: 1,
        salt: environment.random.uint32(),
        predecessor: undefined,
        state,
        start,
        batch: undefined,
      },
      spares,
      new BatchEncoder(location.groupId),
    );
    const appendPoint = firstAppendPoint(created);
    const segments = [created.segment];
    return this.#assemble(location, { metadata, state, start, segments, appendPoint, spares });
  }

  async look({
    directory,
    groupId,
  }: LogLocation): Promise<{ tail: TailReport; markers: SnapshotMetadata[] }> {
    const { fileSystem } = this.#options.environment;
    const { log, tail } = await readLogOnce(fileSystem, directory, groupId);
    return { tail, markers: log.replayed.state.validMarkers() };
  }

  async find(location: LogLocation): Promise<FoundLog> {
    const { directory, groupId } = location;
    const { uncertainTail, environment } = this.#options;
    const { fileSystem } = environment;
    const listing = await listLog(fileSystem, directory);
    const contents = await readLog(fileSystem, directory, groupId, listing, 'write');
    const segments = contents.findings.map(({ segment }) => segment);
    const { metadata, repaired, replayed } = contents;
    const { state, start } = replayed;
    return {
      metadata,
      state,
      repaired,
      recover: async () => {
        const { tail, appendPoint } = await recover(fileSystem, contents, uncertainTail);
        const spares = this.#sparesOf(location);
        const assembly = { metadata, state, start, segments, appendPoint, spares };
        return { tail, ready: this.#assemble(location, assembly) };
      },
      abandon: async () => {
        for (const { file } of segments) await file.close().catch(() => undefined);
      },
    };
  }

  #sparesOf({ directory }: LogLocation): SpareFiles {
    const { environment, recycledMax } = this.#options;
    return new SpareFiles(environment, directory, spareNames, recycledMax);
  }

  #assemble({ directory, groupId }: LogLocation, assembly: Assembly): ReadyLog {
    const { metadata, state } = assembly;
    const segments = new SegmentList(assembly.segments);
    return {
      metadata,
      state,
      reader: new SegmentEntryReader(state.index, segments, groupId),
      openStore: (view, events, onClosed) =>
        new NativeStore({
          options: this.#options,
          directory,
          groupId,
          metadata,
          view,
          segments,
          spares: assembly.spares,
          encoder: new BatchEncoder(groupId),
          events,
          start: assembly.start,
          appendPoint: assembly.appendPoint,
          onClosed,
        }),
    };
  }
}
