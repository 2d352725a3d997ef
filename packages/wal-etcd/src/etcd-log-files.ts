/**
 * The files of logs in etcd's format: finding, creating and recovering them, and what is put on
 * top.
 */
import { encodeHardState, type SnapshotMetadata } from '@babuza/raftpb';
import { FileError, type FileSystem } from '@babuza/vfs';
import {
  CorruptError,
  LogState,
  PositionIndex,
  type TailReport,
  type WalMetadata,
} from '@babuza/wal-core';
import {
  closeSegments,
  SegmentList,
  SpareFiles,
  type FoundLog,
  type LastSegments,
  type LogFiles,
  type LogPlace,
  type ReadyLog,
} from '@babuza/wal-files';
import { EtcdStore } from './etcd-store.ts';
import { encodeMetadata } from './format/metadata.ts';
import { isTemporaryName, spareNames } from './format/segment-name.ts';
import type { CheckedOptions } from './options.ts';
import { appendPointOf, settle } from './recovery/append-point.ts';
import { findLog, type FoundEtcdLog } from './recovery/find-log.ts';
import { hasSegments, listSegments } from './recovery/list-segments.ts';
import { cutAt, keepBroken } from './recovery/repair.ts';
import type { LogBase } from './recovery/replayed-log.ts';
import { EtcdEntryReader } from './segment/entry-reader.ts';
import { refuseRunningEtcd } from './segment/foreign-lock.ts';
import type { EtcdSegment } from './segment/segment.ts';
import { createLog } from './writer/create-log.ts';
import { WalWriter, type WalWriterParts } from './writer/wal-writer.ts';

/** What opening a log comes to, whether it was created or recovered. */
interface Assembly {
  readonly metadata: WalMetadata;
  readonly state: LogState<PositionIndex>;
  readonly segments: readonly EtcdSegment[];
  readonly writer: WalWriter;
  readonly spares: SpareFiles;
  readonly base: LogBase;
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
    // A running etcd has its locks on the files, not on their names.
    for (const name of fileNames) await refuseRunningEtcd(fileSystem, `${directory}/${name}`);
    return { fileNames, temporaryName: spareNames.spare(0) };
  }

  async create(place: LogPlace, metadata: WalMetadata): Promise<ReadyLog> {
    const bytes = encodeMetadata(metadata, place.groupId, this.#options.metadata);
    const parts = this.#writerParts(place, bytes);
    const writer = await createLog(parts);
    return this.#assemble(place, {
      // What is stored: the metadata of a server of etcd has no room for an identity.
      metadata: this.#options.metadata === 'etcd' ? { ...metadata, identity: undefined } : metadata,
      state: new LogState(new PositionIndex()),
      segments: [writer.segment],
      writer,
      spares: parts.spares,
      base: { segmentId: 0, position: undefined },
    });
  }

  async look({
    directory,
    groupId,
  }: LogPlace): Promise<{ tail: TailReport; markers: SnapshotMetadata[] }> {
    const { fileSystem } = this.#options.environment;
    const found = await findLog(fileSystem, directory, groupId, 'read');
    await closeSegments(found.segments);
    return { tail: found.tail, markers: found.replayed.state.validMarkers() };
  }

  async find(place: LogPlace): Promise<FoundLog> {
    const { directory, groupId } = place;
    const { fileSystem } = this.#options.environment;
    const found = await findLog(fileSystem, directory, groupId, 'write');
    const { metadata, repaired, segments, tail, replayed } = found;
    return {
      metadata,
      state: replayed.state,
      repaired,
      recover: async () => ({ tail, ready: await this.#recover(place, found) }),
      abandon: () => closeSegments(segments).catch(() => undefined),
    };
  }

  /**
   * As a server of etcd does it: where the last segment ends within a record, a copy of it is kept
   * and it is cut (`Repair`); else what lies behind the last record is made zero. A crash leads to
   * the same findings again.
   */
  async #recover(place: LogPlace, found: FoundEtcdLog): Promise<ReadyLog> {
    const { directory, groupId } = place;
    const { fileSystem } = this.#options.environment;
    const { segments, scan, tail, replayed, metadata } = found;
    const last = segments.at(-1);
    if (last === undefined) throw new RangeError('a log has segments');
    if (tail.verdict === 'uncertain' && this.#options.uncertainTail === 'refuse') {
      throw new CorruptError(
        `${tail.bytesDropped} bytes at the end of the log: of an interrupted write, or damaged later`,
        { groupId, file: last.path, offset: scan.validEnd, verdict: 'uncertain' },
      );
    }
    let { fileBytes } = scan;
    let leftover = tail.bytesDropped;
    if (scan.end !== 'end') {
      await keepBrokenIfThereIsRoom(fileSystem, directory, last);
      await cutAt(last.file, scan.validEnd);
      fileBytes = scan.validEnd;
      leftover = 0;
    }
    // Durable after it: what was read, and that nothing follows it.
    await settle(last.file, scan.validEnd, leftover);
    await removeTemporaries(fileSystem, directory);
    // Durable after it: the names of the segments. They may be those of a process that was killed
    // just now.
    await fileSystem.syncDirectory(directory);
    const parts = this.#writerParts(place, found.metadataBytes);
    const writer = new WalWriter(parts, { ...appendPointOf(last, scan), fileBytes });
    if (scan.validEnd === 0) {
      writer.addHead(encodeHardState(replayed.state.hardState));
      await writer.flush(true);
    }
    const { state, base } = replayed;
    const { spares } = parts;
    return this.#assemble(place, {
      metadata,
      state,
      segments,
      writer,
      spares,
      base,
    });
  }

  #writerParts({ directory }: LogPlace, metadata: Uint8Array | undefined): WalWriterParts {
    const { environment, segmentBytes } = this.#options;
    const spares = new SpareFiles(environment, directory, spareNames, 0);
    return { environment, directory, segmentBytes, metadata, spares };
  }

  #assemble({ directory, groupId }: LogPlace, assembly: Assembly): ReadyLog {
    const { metadata, state, writer, spares, base } = assembly;
    const segments = new SegmentList(assembly.segments);
    const reader = new EtcdEntryReader(state.index, segments, groupId);
    const options = this.#options;
    const parts = { options, directory, groupId, segments, spares, reader, writer };
    return {
      metadata,
      state,
      reader,
      openStore: (view, events, onClosed) =>
        new EtcdStore({ ...parts, view, base, events, onClosed }),
    };
  }
}

/** The copy is for people: a full disk must not keep the log from opening. */
async function keepBrokenIfThereIsRoom(
  fileSystem: FileSystem,
  directory: string,
  { file, path }: EtcdSegment,
): Promise<void> {
  try {
    await keepBroken(fileSystem, directory, file, `${path}.broken`);
  } catch (error) {
    if (!(error instanceof FileError) || error.kind !== 'no-space') throw error;
    await fileSystem.unlink(`${path}.broken`);
  }
}

async function removeTemporaries(fileSystem: FileSystem, directory: string): Promise<void> {
  for (const { name } of await fileSystem.list(directory)) {
    if (isTemporaryName(name)) await fileSystem.unlink(`${directory}/${name}`);
  }
}
