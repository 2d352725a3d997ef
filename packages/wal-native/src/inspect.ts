/**
 * The entry point `@babuza/wal-native/inspect`. It reads a log without taking its lock and without
 * changing a byte, even while a node writes it, and reports what recovery would decide.
 *
 * A log that is being written changes while it is read. `readSteadily` of `@babuza/wal-files` tells
 * that from damage.
 */
import type { HardState, SnapshotMetadata } from '@babuza/raftpb';
import { nodeEnvironment, type Environment } from '@babuza/vfs';
import {
  NotFoundError,
  type GroupOptions,
  type TailReport,
  type WalMetadata,
} from '@babuza/wal-core';
import { checkedGroupId } from '@babuza/wal-core/backend';
import {
  directoryOfGroup,
  readFailure,
  readSteadily,
  refuseOtherKinds,
  translating,
} from '@babuza/wal-files';
import { readLogOnce } from './recovery/read-log-once.ts';
import type { LogContents } from './recovery/read-log.ts';
import type { VerdictName } from './recovery/verdict.ts';
import { BabuzaWal } from './wal-type.ts';

/** The state of one segment. */
export interface SegmentReport {
  readonly file: string;
  readonly segmentId: number;
  readonly bytes: number;
  readonly sealed: boolean;
  readonly batches: number;
  /** The number of entry frames, including entries that were superseded later. */
  readonly entries: number;
  readonly verdict: VerdictName;
  /** The offset at which the frames end, and the reason. */
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
  /** The tail that recovery would cut. */
  readonly tail: TailReport;
  /** Damage without loss, which recovery repairs or works around. */
  readonly repaired: readonly { readonly file: string; readonly what: string }[];
}

export interface InspectOptions extends GroupOptions {
  /** Default: the files and the clock of Node.js. */
  readonly environment?: Pick<Environment, 'fileSystem' | 'clock'> | undefined;
}

/**
 * Verifies every checksum of a log and reports its content. A log that looks damaged is read again
 * before the damage is reported, because a node may be writing the log at the same time.
 *
 * @throws CorruptError (of wal-core) if recovery would refuse to open the log; NotFoundError if
 * there is no log; ForeignFileError if the directory holds a log of another kind
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
      const { log, tail } = await readLogOnce(fileSystem, folder, groupId);
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
