/**
 * The second door, `@babuza/wal-native/inspect`: looks at a log without taking its lock and without
 * changing a byte, also while a node writes it. What recovery would decide is what it reports.
 *
 * A log that is being written changes under the reader: `recovery/look.ts` says how that is told
 * from damage.
 */
import type { HardState, SnapshotMetadata } from '@babuza/raftpb';
import { nodeEnvironment, type Environment } from '@babuza/vfs';
import {
  checkedGroupId,
  NotFoundError,
  type GroupOptions,
  type TailReport,
  type WalMetadata,
} from '@babuza/wal-core';
import {
  directoryOfGroup,
  readFailure,
  readSteadily,
  refuseOtherKinds,
  translating,
} from '@babuza/wal-files';
import { lookAtLog } from './recovery/look.ts';
import type { LogContents } from './recovery/read-log.ts';
import type { VerdictName } from './recovery/verdict.ts';
import { BabuzaWal } from './wal-type.ts';

/** One segment as it was found. */
export interface SegmentReport {
  readonly file: string;
  readonly segmentId: number;
  readonly bytes: number;
  readonly sealed: boolean;
  readonly batches: number;
  /** Frames of entries, those that were superseded later included. */
  readonly entries: number;
  readonly verdict: VerdictName;
  /** Where the frames end, and why they do. */
  readonly endOffset: number;
  readonly endReason: string;
}

export interface LogReport {
  readonly directory: string;
  readonly groupId: bigint;
  readonly metadata: WalMetadata;
  readonly hardState: HardState;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly snapshots: readonly SnapshotMetadata[];
  readonly segments: readonly SegmentReport[];
  /** What recovery would cut. */
  readonly tail: TailReport;
  /** Damage that costs nothing. */
  readonly repaired: readonly { readonly file: string; readonly what: string }[];
}

export interface InspectOptions extends GroupOptions {
  /** Default: the files and the clock of Node.js. */
  readonly environment?: Pick<Environment, 'fileSystem' | 'clock'> | undefined;
}

/**
 * Verifies every checksum of a log and says what is in it. What looks damaged is looked at again
 * before it is believed, because a node may be writing the log at this moment.
 *
 * @throws CorruptError (of wal-core) where recovery would refuse to start; NotFoundError where
 * there is no log; ForeignFileError where the directory holds a log of another kind
 */
export async function inspectLog(
  directory: string,
  options: InspectOptions = {},
): Promise<LogReport> {
  const environment = options.environment ?? nodeEnvironment();
  const { fileSystem, clock } = environment;
  const groupId = checkedGroupId(options);
  const folder = directoryOfGroup(directory, groupId);
  return translating(readFailure, async () => {
    await refuseOtherKinds(fileSystem, directory, BabuzaWal);
    if ((await fileSystem.kindOf(folder)) === undefined) {
      throw new NotFoundError(`there is no directory ${folder}`);
    }
    return readSteadily(clock, async () => {
      const { log, tail } = await lookAtLog(fileSystem, folder, groupId);
      return { tail, value: reportOf(log, tail) };
    });
  });
}

function reportOf(contents: LogContents, tail: TailReport): LogReport {
  const { state } = contents.replayed;
  return {
    directory: contents.directory,
    groupId: contents.groupId,
    metadata: contents.metadata,
    hardState: state.hardState,
    firstIndex: state.index.firstIndex,
    lastIndex: state.index.lastIndex,
    snapshots: state.validMarkers(),
    segments: contents.findings.map(({ segment, batches, entries, verdict, stop }) => ({
      file: segment.fileName,
      segmentId: segment.header.segmentId,
      bytes: segment.header.segmentBytes,
      sealed: segment.seal !== undefined,
      batches,
      entries,
      verdict,
      endOffset: stop.batchStart,
      endReason: stop.why,
    })),
    tail,
    repaired: contents.repaired,
  };
}
