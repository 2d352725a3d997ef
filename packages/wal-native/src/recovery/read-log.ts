/**
 * Reads and verifies a whole log: finds its segments, replays their frames, and decides how the
 * last segment ends. It changes nothing, so it serves both callers that only read (`findSnapshots`,
 * `inspectLog`) and recovery, which acts on the findings.
 */
import type { FileSystem } from '@babuza/vfs';
import { CorruptError, ForeignFileError, type WalMetadata } from '@babuza/wal-core';
import { invariant } from '@babuza/wal-core/backend';
import { FrameKind } from '../format/frame.ts';
import type { SegmentName } from '../format/segment-name.ts';
import { footerIsWhole, openSegment } from '../segment/open-segment.ts';
import type { Segment } from '../segment/segment.ts';
import type { Listing } from './list-log.ts';
import { replaySegment, requestFor, type SegmentFinding } from './replay-segment.ts';
import {
  headOf,
  MisfitError,
  ReplayedLog,
  startOf,
  type Head,
  type LogStart,
} from './replayed-log.ts';
import { scanSegment, type ScannedBatch, type ScannedFrame } from './scan.ts';

export interface LogContents {
  readonly directory: string;
  readonly groupId: bigint;
  readonly metadata: WalMetadata;
  readonly findings: readonly SegmentFinding[];
  readonly replayed: ReplayedLog;
  /** The segment before the last one, if its seal is missing or may not be durable. */
  readonly needsSeal: SegmentFinding | undefined;
  /** Paths of purged segments and temporary files, which recovery removes. */
  readonly leftovers: readonly string[];
  readonly repaired: readonly { file: string; what: string }[];
}

/** The finding of the newest segment, the only one that can have a tail. */
export function lastFinding({ findings }: LogContents): SegmentFinding {
  const last = findings.at(-1);
  invariant(last !== undefined, 'a log has segments');
  return last;
}

/** Reads the log. If the log is damaged, it closes the files and throws `CorruptError`. */
export async function readLog(
  fileSystem: FileSystem,
  directory: string,
  groupId: bigint,
  listing: Listing,
  mode: 'read' | 'write',
): Promise<LogContents> {
  const reading = new LogReading(fileSystem, directory, groupId, mode);
  try {
    return await reading.run(listing);
  } catch (error) {
    await reading.closeAll();
    throw error;
  }
}

class LogReading {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly #groupId: bigint;
  readonly #mode: 'read' | 'write';
  readonly #opened: Segment[] = [];
  readonly #repaired: { file: string; what: string }[] = [];

  constructor(fileSystem: FileSystem, directory: string, groupId: bigint, mode: 'read' | 'write') {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
    this.#groupId = groupId;
    this.#mode = mode;
  }

  async closeAll(): Promise<void> {
    for (const { file } of this.#opened) await file.close().catch(() => undefined);
  }

  async run({ segments: names, temporaries }: Listing): Promise<LogContents> {
    this.#checkUnique(names);
    const newestName = names.at(-1);
    if (newestName === undefined) throw new RangeError('a log has segments');
    const newest = await this.#open(newestName);
    const start = await this.#findStart(newest, names);
    if (start.segmentId > newestName.segmentId) {
      const what = `the log begins in segment ${start.segmentId}, and segment ${newestName.segmentId} is the newest`;
      throw this.#corrupt(newest, undefined, 'corrupt-order', what);
    }
    const needed = names.filter(({ segmentId }) => segmentId >= start.segmentId);
    this.#checkConsecutive(start, needed);
    const segments: Segment[] = [];
    for (const name of needed) {
      segments.push(name === newestName ? newest : await this.#open(name));
    }
    this.#checkChain(segments);
    const replayed = new ReplayedLog(start);
    const findings: SegmentFinding[] = [];
    for (const [at, segment] of segments.entries()) {
      const finding = await replaySegment(segment, segments[at + 1], replayed, this.#groupId);
      findings.push(finding);
      this.#refuseDamage(finding, replayed);
    }
    const needsSeal = await this.#checkSeals(findings);
    if (!replayed.isWhole) {
      throw this.#corrupt(
        newest,
        undefined,
        'corrupt-order',
        'entries before the last one are missing',
      );
    }
    if (replayed.firstTerm < replayed.start.term) {
      const what = `the first entry has term ${replayed.firstTerm}, and the one before it term ${replayed.start.term}`;
      throw this.#corrupt(newest, undefined, 'corrupt-order', what);
    }
    const keep = replayed.start.segmentId;
    const gone = names.filter(({ segmentId }) => segmentId < keep);
    const { clusterId, nodeId, entryBytesMax, extra, identity } = newest.header;
    return {
      directory: this.#directory,
      groupId: this.#groupId,
      metadata: { clusterId, nodeId, entryBytesMax, extra, identity },
      findings,
      replayed,
      needsSeal,
      leftovers: [...gone.map(({ fileName }) => `${this.#directory}/${fileName}`), ...temporaries],
      repaired: this.#repaired,
    };
  }

  async #open(name: SegmentName): Promise<Segment> {
    const { segment, repaired } = await openSegment(
      this.#fileSystem,
      this.#directory,
      name,
      this.#groupId,
      this.#mode,
    );
    this.#opened.push(segment);
    if (repaired !== undefined) this.#repaired.push({ file: segment.path, what: repaired });
    return segment;
  }

  #checkUnique(names: readonly SegmentName[]): void {
    for (const [at, name] of names.entries()) {
      if (names[at + 1]?.segmentId === name.segmentId) {
        throw new ForeignFileError(
          `${this.#directory}/${name.fileName}`,
          `segment ${name.segmentId} exists twice, with different salts`,
        );
      }
    }
  }

  /**
   * The start of the log according to the head of the newest segment. If segments from there on are
   * missing, a later purge may have removed them; then the newest segment has a frame with the
   * later start.
   */
  async #findStart(newest: Segment, names: readonly SegmentName[]): Promise<LogStart> {
    let head: Head | undefined;
    const first = await scanSegment(requestFor(newest, this.#groupId), (batch) => {
      head ??= this.#fitting(newest, batch, () => headOf(batch));
      return 'only the head is wanted';
    });
    if (head === undefined) {
      throw this.#corrupt(
        newest,
        first.offset,
        'corrupt-durable',
        'the head of the segment is damaged',
      );
    }
    const { start } = head;
    const present = new Set(names.map(({ segmentId }) => segmentId));
    let whole = true;
    for (let id = start.segmentId; id <= newest.header.segmentId; id += 1) {
      whole &&= present.has(id);
    }
    return whole ? start : this.#findLastStart(newest, start);
  }

  async #findLastStart(newest: Segment, fromHead: LogStart): Promise<LogStart> {
    let start = fromHead;
    const { segmentId } = newest.header;
    await scanSegment(requestFor(newest, this.#groupId), (batch) => {
      for (const frame of batch.frames) {
        const later = this.#fitting(newest, batch, () => laterStart(start, frame, segmentId));
        start = later ?? start;
      }
      return undefined;
    });
    return start;
  }

  /**
   * Calls `read` and reports a `MisfitError` as damage: the checksums of the frames are right, but
   * the frames do not fit together.
   */
  #fitting<Read>(segment: Segment, { start }: ScannedBatch, read: () => Read): Read {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof MisfitError)) throw error;
      throw this.#corrupt(segment, start, 'corrupt-order', error.message);
    }
  }

  #checkConsecutive(start: LogStart, needed: readonly SegmentName[]): void {
    for (const [at, name] of needed.entries()) {
      const expected = start.segmentId + at;
      if (name.segmentId !== expected) {
        throw new CorruptError(`segment ${expected} is missing before this one`, {
          groupId: this.#groupId,
          file: `${this.#directory}/${name.fileName}`,
          firstIndex: start.index + 1,
          verdict: 'corrupt-missing',
        });
      }
    }
  }

  #checkChain(segments: readonly Segment[]): void {
    for (const [at, segment] of segments.entries()) {
      const before = segments[at - 1];
      if (before === undefined) continue;
      const { header } = segment;
      const sameLog =
        header.clusterId === before.header.clusterId &&
        header.nodeId === before.header.nodeId &&
        header.entryBytesMax === before.header.entryBytesMax;
      if (!sameLog || header.predecessorSalt !== before.header.salt) {
        throw new ForeignFileError(
          segment.path,
          `does not follow ${before.path}: the two files belong to different logs`,
        );
      }
    }
  }

  #refuseDamage(
    { segment, stop, afterStop, verdict }: SegmentFinding,
    replayed: ReplayedLog,
  ): void {
    if (!verdict.startsWith('corrupt')) return;
    const { commit } = afterStop;
    if (commit !== undefined && commit.firstIndex > 0) {
      // The commit frame of the damaged batch is intact and names the entries that are affected.
      throw this.#corrupt(segment, stop.offset, verdict, stop.why, commit);
    }
    const next = replayed.state.index.lastIndex + 1;
    throw this.#corrupt(segment, stop.offset, verdict, stop.why, {
      firstIndex: Math.min(next, afterStop.firstIndex || next),
      lastIndex: afterStop.lastIndex || undefined,
    });
  }

  /**
   * Checks the seals of all segments that have a successor. After a crash only the last seal can be
   * missing or torn, and only if the successor has nothing but its head, because nothing else is
   * written to it before the seal is durable. Returns the segment that recovery has to seal again.
   */
  async #checkSeals(findings: readonly SegmentFinding[]): Promise<SegmentFinding | undefined> {
    let needsSeal: SegmentFinding | undefined;
    for (const [at, finding] of findings.entries()) {
      const following = findings[at + 1];
      const { segment } = finding;
      const { seal, header } = segment;
      if (following === undefined) {
        if (seal === undefined) continue;
        const what = `the segment is full and sealed, but segment ${header.segmentId + 1} is missing`;
        throw this.#corrupt(segment, undefined, 'corrupt-missing', what);
      }
      const problem = await sealProblem(finding, following.segment);
      const interrupted =
        at === findings.length - 2 && following.batches === 1 && !following.facts.framesFollow;
      // A seal that looks intact is written again as well: it may be in the page cache only.
      if (interrupted) needsSeal = finding;
      else if (problem !== undefined) {
        throw this.#corrupt(segment, seal?.footerOffset, 'corrupt-sealed', problem);
      }
    }
    return needsSeal;
  }

  #corrupt(
    segment: Segment,
    offset: number | undefined,
    verdict: string,
    what: string,
    range: { firstIndex?: number | undefined; lastIndex?: number | undefined } = {},
  ): CorruptError {
    const { path: file } = segment;
    return new CorruptError(what, { groupId: this.#groupId, file, offset, verdict, ...range });
  }
}

/** Describes what is wrong with the seal of a segment that has a successor. */
async function sealProblem(
  { segment, stop }: SegmentFinding,
  next: Segment,
): Promise<string | undefined> {
  const { seal } = segment;
  if (seal === undefined) return 'the seal is damaged';
  if (!(await footerIsWhole(segment, seal))) return 'the index footer is damaged';
  const agrees =
    seal.framesEnd === next.header.predecessorEnd &&
    seal.nextSalt === next.header.salt &&
    seal.lastBatchNumber === stop.lastBatchNumber;
  return agrees ? undefined : `the seal contradicts ${next.path}`;
}

/** The start of the log after this frame, if the frame changes it. */
function laterStart(start: LogStart, frame: ScannedFrame, segmentId: number): LogStart | undefined {
  if (frame.kind === FrameKind.Start) return startOf(frame);
  const { kind, flags, index, term } = frame;
  // A marker that resets the log, for an installed snapshot: the log starts after it.
  const resets = kind === FrameKind.Marker && flags === 1 && index > start.index;
  return resets ? { index, term, segmentId } : undefined;
}
