/** The open segment files of one log. */
import type { File } from '@babuza/vfs';

/** The properties of a segment that do not depend on the format. */
export interface SegmentFile {
  /** Ids are consecutive: one more than that of the segment before. */
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

  /** The segment with this id, or `undefined`. */
  get(segmentId: number): Segment | undefined {
    const first = this.#segments[0];
    return first === undefined ? undefined : this.#segments[segmentId - first.segmentId];
  }

  /** Removes the segments below `segmentId` from the list and returns them. */
  removeBelow(segmentId: number): Segment[] {
    const first = this.#segments[0]?.segmentId ?? segmentId;
    return this.#segments.splice(0, Math.max(0, segmentId - first));
  }

  closeAll(): Promise<void> {
    return closeSegments(this.#segments);
  }
}

/** Closes all segments even if one fails; then throws the first failure. */
export async function closeSegments(segments: readonly SegmentFile[]): Promise<void> {
  const results = await Promise.allSettled(segments.map(({ file }) => file.close()));
  for (const result of results) {
    if (result.status === 'rejected') throw result.reason;
  }
}
