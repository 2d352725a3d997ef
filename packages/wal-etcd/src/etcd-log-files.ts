/**
 * Creates, finds and recovers the files of logs in etcd's format, and builds the parts of an open
 * log.
 */
import { encodeHardState, type SnapshotMetadata } from '@babuza/raftpb';
import type { TailReport, WalMetadata } from '@babuza/wal-core';
import { LogState, PositionIndex } from '@babuza/wal-core/backend';
import {
  closeSegments,
  SegmentList,
  SpareFiles,
  type FoundLog,
  type LastSegments,
  type LogFiles,
  type LogLocation,
  type ReadyLog,
} from '@babuza/wal-files';
import { EtcdStore } from './etcd-store.ts';
import { encodeMetadata } from './format/metadata.ts';
import { isTemporaryName, spareNames } from './format/segment-name.ts';
import type { CheckedOptions } from './options.ts';
import { readLog, type LogContents } from './recovery/read-log.ts';
import { hasSegments, listSegments } from './recovery/list-segments.ts';
import { recover } from './recovery/recover.ts';
import type { LogStart } from './recovery/replayed-log.ts';
import { EtcdEntryReader } from './segment/entry-reader.ts';
import { refuseRunningEtcd } from './segment/foreign-lock.ts';
import type { EtcdSegment } from './segment/segment.ts';
import { createLog } from './writer/create-log.ts';
import { WalWriter, type WalWriterParts } from './writer/wal-writer.ts';

/** The parts of a log that was created or recovered. */
interface Assembly {
  readonly metadata: WalMetadata;
  readonly state: LogState<PositionIndex>;
  readonly segments: readonly EtcdSegment[];
  readonly writer: WalWriter;
  readonly spares: SpareFiles;
  readonly start: LogStart;
}

export class EtcdLogFiles implements LogFiles {
  readonly #options: CheckedOptions;

  constructor(options: CheckedOptions) {
    this.#options = options;
  }

  hasLog(directory: string): Promise<boolean> {
    return hasSegments(this.#options.environment.fileSystem, directory);
  }

  isTemporary(name: string): boolean {
    return isTemporaryName(name);
  }

  async lastSegments(directory: string): Promise<LastSegments> {
    const { fileSystem } = this.#options.environment;
    const names = await listSegments(fileSystem, directory);
    const fileNames = names.slice(-2).map(({ fileName }) => fileName);
    // A running etcd holds locks on the files, so a renamed file is still locked.
    for (const name of fileNames) await refuseRunningEtcd(fileSystem, `${directory}/${name}`);
    return { fileNames, temporaryName: spareNames.spare(0) };
  }

  async create(location: LogLocation, metadata: WalMetadata): Promise<ReadyLog> {
    const bytes = encodeMetadata(metadata, location.groupId, this.#options.metadata);
    const parts = this.#writerParts(location, bytes);
    const writer = await createLog(parts);
    return this.#assemble(location, {
      // The returned metadata must equal the stored one, and the metadata of an etcd server has no
      // field for an identity.
      metadata: this.#options.metadata === 'etcd' ? { ...metadata, identity: undefined } : metadata,
      state: new LogState(new PositionIndex()),
      segments: [writer.segment],
      writer,
      spares: parts.spares,
      start: { segmentId: 0, position: undefined },
    });
  }

  async look({
    directory,
    groupId,
  }: LogLocation): Promise<{ tail: TailReport; markers: SnapshotMetadata[] }> {
    const { fileSystem } = this.#options.environment;
    const found = await readLog(fileSystem, directory, groupId, 'read');
    await closeSegments(found.segments);
    return { tail: found.tail, markers: found.replayed.state.validMarkers() };
  }

  async find(location: LogLocation): Promise<FoundLog> {
    const { directory, groupId } = location;
    const { fileSystem } = this.#options.environment;
    const contents = await readLog(fileSystem, directory, groupId, 'write');
    const { metadata, repaired, segments, tail, replayed } = contents;
    return {
      metadata,
      state: replayed.state,
      repaired,
      recover: async () => ({ tail, ready: await this.#recover(location, contents) }),
      abandon: () => closeSegments(segments).catch(() => undefined),
    };
  }

  async #recover(location: LogLocation, contents: LogContents): Promise<ReadyLog> {
    const { fileSystem } = this.#options.environment;
    const { segments, replayed, metadata, metadataBytes } = contents;
    const { state, start } = replayed;
    const appendPoint = await recover(fileSystem, contents, this.#options.uncertainTail);
    const parts = this.#writerParts(location, metadataBytes);
    const writer = new WalWriter(parts, appendPoint);
    if (appendPoint.end === 0) {
      writer.addHead(encodeHardState(state.hardState));
      await writer.flush(true);
    }
    const { spares } = parts;
    return this.#assemble(location, { metadata, state, segments, writer, spares, start });
  }

  #writerParts({ directory }: LogLocation, metadata: Uint8Array | undefined): WalWriterParts {
    const { environment, segmentBytes } = this.#options;
    const spares = new SpareFiles(environment, directory, spareNames, 0);
    return { environment, directory, segmentBytes, metadata, spares };
  }

  #assemble({ directory, groupId }: LogLocation, assembly: Assembly): ReadyLog {
    const { metadata, state, writer, spares, start } = assembly;
    const segments = new SegmentList(assembly.segments);
    const reader = new EtcdEntryReader(state.index, segments, groupId);
    const options = this.#options;
    const parts = { options, directory, groupId, segments, spares, reader, writer };
    return {
      metadata,
      state,
      reader,
      openStore: (view, events, onClosed) =>
        new EtcdStore({ ...parts, view, start, events, onClosed }),
    };
  }
}
