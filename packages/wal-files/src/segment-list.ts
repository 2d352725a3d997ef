/** The open segment files of one log. */
import type { File } from '@babuza/vfs';

/** What every segment has, whatever its format. */
export interface SegmentFile {
  /** One more than that of the segment before it. */
  readonly segmentId: number;
  readonly path: string;
  readonly fileName: string;
  readonly file: File;
}

/** The segments of one log, in ascending order of their ids. */
export class SegmentList<Segment extends SegmentFile> {
  readonly #segments: Segment[];

  constructor(segments: readonly Segment[]) {
    this.#segments = [...segments];
  }

  get count(): number {
    return this.#segments.length;
  }

  get all(): readonly Segment[] {
    return this.#segments;
  }

  get last(): Segment | undefined {
    return this.#segments.at(-1);
  }

  add(segment: Segment): void {
    this.#segments.push(segment);
  }

  /** The segment with this id; ids are consecutive. */
  get(segmentId: number): Segment | undefined {
    const first = this.#segments[0];
    return first === undefined ? undefined : this.#segments[segmentId - first.segmentId];
  }

  /** Takes the segments below `segmentId` out of the list, and returns them. */
  removeBelow(segmentId: number): Segment[] {
    const first = this.#segments[0]?.segmentId ?? segmentId;
    return this.#segments.splice(0, Math.max(0, segmentId - first));
  }

  closeAll(): Promise<void> {
    return closeSegments(this.#segments);
  }
}

/** Closes all of them, also where one fails; then throws what the first failure was. */
export async function closeSegments(segments: readonly SegmentFile[]): Promise<void> {
  const results = await Promise.allSettled(segments.map(({ file }) => file.close()));
  for (const result of results) {
    if (result.status === 'rejected') throw result.reason;
  }
}
