/**
 * Reads a whole log and judges it: which segments there are, what their frames add up to, how the
 * last one ends. It changes nothing, so it serves those who only look (`findSnapshots`, `inspect`)
 * as well as recovery, which acts on its findings.
 */
import type { FileSystem } from '@babuza/vfs';
import { CorruptError, ForeignFileError, invariant, type WalMetadata } from '@babuza/wal-core';
import { FrameKind } from '../format/frame.ts';
import { ownSectorEnd, trailerBytes } from '../format/layout.ts';
import { isTemporaryName, parseSegmentName, type SegmentName } from '../format/segment-name.ts';
import { footerIsWhole, openSegment } from '../segment/open-segment.ts';
import type { Segment } from '../segment/segment.ts';
import {
  headOf,
  MisfitError,
  ReplayedLog,
  startOf,
  type Head,
  type LogStart,
} from './replayed-log.ts';
import {
  lookBehind,
  nothingBehind,
  scanSegment,
  type Behind,
  type ScanRequest,
  type ScannedBatch,
  type ScannedFrame,
  type ScanStop,
} from './scan.ts';
import { judge, type Facts, type VerdictName } from './verdict.ts';

/** What a scan of one segment found. */
export interface SegmentFinding {
  readonly segment: Segment;
  readonly batches: number;
  /** Frames of entries, also of those that were superseded later. */
  readonly entries: number;
  readonly stop: ScanStop;
  /** Everything below this offset was durable when a later frame was written. */
  readonly durableUpTo: number;
  readonly behind: Behind;
  readonly facts: Facts;
  readonly verdict: VerdictName;
  /** The last batch is a mark, and so says that everything before it is durable. */
  readonly endsWithMark: boolean;
  /**
   * The marks at the end reach into a sector of their own, so that no lost sector takes them all.
   */
  readonly marksReachOwnSector: boolean;
}

export interface LogContents {
  readonly directory: string;
  readonly groupId: bigint;
  readonly metadata: WalMetadata;
  readonly findings: readonly SegmentFinding[];
  readonly replayed: ReplayedLog;
  /** The segment before the last one has no seal yet, or nobody has built on its seal. */
  readonly needsSeal: SegmentFinding | undefined;
  /** Paths of files that are not needed any more, or not yet. */
  readonly leftovers: readonly string[];
  readonly repaired: readonly { file: string; what: string }[];
}

export interface Listing {
  readonly segments: readonly SegmentName[];
  readonly temporaries: readonly string[];
}

/** The files of one log. Names that look like a log's but are not ours are refused. */
export async function listLog(fileSystem: FileSystem, directory: string): Promise<Listing> {
  const segments: SegmentName[] = [];
  const temporaries: string[] = [];
  for (const { name, kind } of await fileSystem.list(directory)) {
    const segment = parseSegmentName(name);
    if (segment !== undefined && kind === 'file') segments.push(segment);
    else if (isTemporaryName(name)) temporaries.push(`${directory}/${name}`);
    else if (name.endsWith('.wal')) {
      throw new ForeignFileError(`${directory}/${name}`, 'is not a file of a native log');
    }
  }
  segments.sort((left, right) => left.segmentId - right.segmentId);
  return { segments, temporaries };
}

/** The newest segment is the one that has a tail. */
export function lastFinding({ findings }: LogContents): SegmentFinding {
  const last = findings.at(-1);
  invariant(last !== undefined, 'a log has segments');
  return last;
}

/** Reads the log; throws `CorruptError` and closes its files where it may not be started from. */
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
      const finding = await this.#replaySegment(segment, segments[at + 1], replayed);
      findings.push(finding);
      this.#refuseDamage(finding, replayed);
    }
    const needsSeal = await this.#checkSeals(findings);
    if (!replayed.isWhole) {
      throw this.#corrupt(
        newest,
        undefined,
        'corrupt-order',
        'entries before the last are missing',
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
          `segment ${name.segmentId} is there twice`,
        );
      }
    }
  }

  /**
   * Where the log starts, as of the newest segment's head. Segments between that and a later purge
   * may be gone: then the newest segment's own frames say so.
   */
  async #findStart(newest: Segment, names: readonly SegmentName[]): Promise<LogStart> {
    let head: Head | undefined;
    const first = await scanSegment(this.#requestFor(newest), (batch) => {
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
    await scanSegment(this.#requestFor(newest), (batch) => {
      for (const frame of batch.frames) {
        const later = this.#fitting(newest, batch, () => laterStart(start, frame, segmentId));
        start = later ?? start;
      }
      return undefined;
    });
    return start;
  }

  /**
   * What `read` returns. Frames that contradict the format, although their checksums are right, are
   * damage.
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
        throw new ForeignFileError(segment.path, `does not follow ${before.path}: another log`);
      }
    }
  }

  #requestFor(segment: Segment, next?: Segment): ScanRequest {
    const { salt, segmentBytes } = segment.header;
    const limit =
      next?.header.predecessorEnd ?? segment.seal?.framesEnd ?? segmentBytes - trailerBytes;
    return { file: segment.file, salt, limit, groupId: this.#groupId };
  }

  async #replaySegment(
    segment: Segment,
    next: Segment | undefined,
    replayed: ReplayedLog,
  ): Promise<SegmentFinding> {
    let batches = 0;
    let entries = 0;
    /** Where the marks behind the last batch that is none begin. */
    let marksFrom: number | undefined;
    let endsWithMark = false;
    let marksReachOwnSector = false;
    let durableUpTo = segment.header.headEnd;
    const request = this.#requestFor(segment, next);
    const stop = await scanSegment(request, (batch) => {
      const misfit = replayed.apply(segment.header.segmentId, batch, batches === 0);
      if (misfit !== undefined) return misfit;
      batches += 1;
      for (const frame of batch.frames) if (frame.kind === FrameKind.Entry) entries += 1;
      durableUpTo = Math.max(durableUpTo, batch.commit.durableUpTo);
      marksFrom = batch.frames.length === 0 ? (marksFrom ?? batch.start) : undefined;
      endsWithMark = marksFrom !== undefined && batch.commit.durableUpTo >= marksFrom;
      marksReachOwnSector = marksFrom !== undefined && batch.end >= ownSectorEnd(marksFrom);
      return undefined;
    });
    const marks = { endsWithMark, marksReachOwnSector };
    const found = { segment, batches, entries, stop, durableUpTo, ...marks };
    const openEnded = next === undefined && segment.seal === undefined;
    if (!openEnded && stop.batchStart === request.limit) {
      const behind = nothingBehind(stop);
      return { ...found, behind, facts: factsOf(stop, behind, false), verdict: 'end' };
    }
    const behind = await lookBehind(request, stop);
    const headDurable = stop.batchStart < segment.header.headEnd;
    const facts = factsOf(stop, behind, openEnded, headDurable);
    return { ...found, behind, facts, verdict: judge(facts) };
  }

  #refuseDamage({ segment, stop, behind, verdict }: SegmentFinding, replayed: ReplayedLog): void {
    if (!verdict.startsWith('corrupt')) return;
    const { commit } = behind;
    if (commit !== undefined && commit.firstIndex > 0) {
      // The end of the batch is there: it says what the damage can have hit.
      throw this.#corrupt(segment, stop.offset, verdict, stop.why, commit);
    }
    const next = replayed.state.index.lastIndex + 1;
    throw this.#corrupt(segment, stop.offset, verdict, stop.why, {
      firstIndex: Math.min(next, behind.firstIndex || next),
      lastIndex: behind.lastIndex || undefined,
    });
  }

  /**
   * A segment that has a successor is sealed. Only the last seal can be missing or half written
   * after a crash: nothing but the head may have been written to the successor before the seal was
   * durable.
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
        at === findings.length - 2 && following.batches === 1 && !following.facts.framesBehind;
      // Also a seal that looks whole: it may have been read from the memory of the kernel only.
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

/** What is wrong with the seal of a segment that has a successor. */
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

function factsOf(stop: ScanStop, behind: Behind, openEnded: boolean, headDurable = false): Facts {
  const pending = stop.offset > stop.batchStart;
  const laterMark = headDurable || behind.durableUpTo > stop.batchStart;
  const commitOk = behind.commit !== undefined;
  return {
    openEnded,
    slot: stop.slot,
    bodyOk: stop.bodyOk,
    fits: stop.fits,
    commitOk,
    laterMark,
    framesBehind: pending || laterMark || commitOk || behind.frames > 0,
  };
}

/** The start of the log after this frame, where it says something about that. */
function laterStart(start: LogStart, frame: ScannedFrame, segmentId: number): LogStart | undefined {
  if (frame.kind === FrameKind.Start) return startOf(frame);
  const { kind, flags, index, term } = frame;
  // An installed snapshot: the log starts anew behind its marker.
  const resets = kind === FrameKind.Marker && flags === 1 && index > start.index;
  return resets ? { index, term, segmentId } : undefined;
}
