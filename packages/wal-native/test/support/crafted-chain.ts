/** Segments and chains of segments with two entries each, for tests that change one of them. */
import type { Seal } from '../../src/format/seal.ts';
import type { SegmentHeader } from '../../src/format/segment-header.ts';
import { CraftedSegment, entry, firstHead, hardState, start, tail } from './crafted-log.ts';

/** A segment with a batch of two entries after its head. */
export const two = (): CraftedSegment => new CraftedSegment(firstHead).batch([entry(1), entry(2)]);
export const third = (): CraftedSegment => two().batch([entry(3), entry(4)]);
export const headAt = (index: number) => [hardState(0), start(0, 0, 1), tail(index)];

export async function errorOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Segments of two entries each, all but the last sealed. */
export function chain(
  count: number,
  header: Partial<SegmentHeader> = {},
  seal: Partial<Seal> = {},
): CraftedSegment[] {
  const segments = [two()];
  for (let at = 1; at < count; at += 1) {
    const before = segments.at(-1) ?? two();
    const last = 2 * at;
    const isLast = at === count - 1;
    const next = before
      .next(headAt(last), isLast ? header : {})
      .batch([entry(last + 1), entry(last + 2)]);
    before.seal(next, isLast ? seal : {});
    segments.push(next);
  }
  return segments;
}

export function without<Item>(items: readonly Item[], at: number): Item[] {
  return items.filter((_, index) => index !== at);
}

/** A first segment without a seal, and a second one with the given batches after its head. */
export function unsealed(behindHead: (second: CraftedSegment) => CraftedSegment): CraftedSegment[] {
  const first = two();
  return [first, behindHead(first.next(headAt(2)))];
}
