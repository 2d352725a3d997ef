/**
 * What a scan saw where it could not go on, and what that means. The table is the code; its labels
 * are used in errors and reports. The reasoning is in `docs/DURABILITY.md`: later data can testify
 * that earlier data had been durable, and a torn write is a claim that needs such evidence to be
 * absent.
 */

/** Facts at the first place of a segment that is not a whole, fitting batch. */
export interface Facts {
  /** Nothing may follow this segment, and it was not sealed: it may have a tail. */
  readonly openEnded: boolean;
  /**
   * The slot of the next frame: empty (or a frame from before the last batch), a header, or
   * neither.
   */
  readonly slot: 'empty' | 'header' | 'garbage';
  /** The frame is whole and its checksum right. Only with a header. */
  readonly bodyOk: boolean;
  /** Kind, group, batch, index and term are what can follow. Only with a right body. */
  readonly fits: boolean;
  /** The commit frame of this batch is there and right. */
  readonly commitOk: boolean;
  /** A later frame of this segment says that this place had been durable. */
  readonly laterMark: boolean;
  /** There are later frames of this segment. */
  readonly framesBehind: boolean;
}

export type VerdictName =
  /** A frame of a batch that goes on. */
  | 'ok'
  /** The log ends here. */
  | 'end'
  /** An interrupted write; never acknowledged. */
  | 'torn'
  /** The last batch, and nothing that could testify: interrupted, or damaged later. */
  | 'uncertain'
  /** It had been durable, or stands where there are no tails. */
  | 'corrupt-durable'
  | 'corrupt-sealed'
  /** A valid frame that cannot follow what is before it. */
  | 'corrupt-order';

/** One row: the facts it is about, and what they mean. An absent fact may be either. */
interface Row {
  readonly when: Partial<Facts>;
  readonly verdict: VerdictName;
}

/** Every combination of facts that can occur matches exactly one row: a test goes through all. */
export const verdictTable: readonly Row[] = [
  // A frame can be right and still be in the wrong place: never skipped, wherever it is.
  { when: { slot: 'header', bodyOk: true, fits: false }, verdict: 'corrupt-order' },
  { when: { slot: 'header', bodyOk: true, fits: true, commitOk: true }, verdict: 'ok' },
  // A sealed segment has no tail.
  { when: { openEnded: false, slot: 'empty' }, verdict: 'corrupt-sealed' },
  { when: { openEnded: false, slot: 'garbage' }, verdict: 'corrupt-sealed' },
  { when: { openEnded: false, slot: 'header', bodyOk: false }, verdict: 'corrupt-sealed' },
  {
    when: { openEnded: false, slot: 'header', bodyOk: true, fits: true, commitOk: false },
    verdict: 'corrupt-sealed',
  },
  // Somebody testifies.
  { when: { openEnded: true, slot: 'empty', laterMark: true }, verdict: 'corrupt-durable' },
  { when: { openEnded: true, slot: 'garbage', laterMark: true }, verdict: 'corrupt-durable' },
  {
    when: { openEnded: true, slot: 'header', bodyOk: false, laterMark: true },
    verdict: 'corrupt-durable',
  },
  {
    when: {
      openEnded: true,
      slot: 'header',
      bodyOk: true,
      fits: true,
      commitOk: false,
      laterMark: true,
    },
    verdict: 'corrupt-durable',
  },
  // Nobody does, and the end of the batch is there: its middle was lost, sooner or later.
  {
    when: { openEnded: true, slot: 'empty', laterMark: false, commitOk: true },
    verdict: 'uncertain',
  },
  {
    when: { openEnded: true, slot: 'garbage', laterMark: false, commitOk: true },
    verdict: 'uncertain',
  },
  {
    when: { openEnded: true, slot: 'header', bodyOk: false, laterMark: false, commitOk: true },
    verdict: 'uncertain',
  },
  // Nobody does, and the batch never ended.
  {
    when: {
      openEnded: true,
      slot: 'empty',
      laterMark: false,
      commitOk: false,
      framesBehind: false,
    },
    verdict: 'end',
  },
  {
    when: { openEnded: true, slot: 'empty', laterMark: false, commitOk: false, framesBehind: true },
    verdict: 'torn',
  },
  {
    when: { openEnded: true, slot: 'garbage', laterMark: false, commitOk: false },
    verdict: 'torn',
  },
  {
    when: { openEnded: true, slot: 'header', bodyOk: false, laterMark: false, commitOk: false },
    verdict: 'torn',
  },
  {
    when: {
      openEnded: true,
      slot: 'header',
      bodyOk: true,
      fits: true,
      commitOk: false,
      laterMark: false,
    },
    verdict: 'torn',
  },
];

/** The rows that the facts match: exactly one for facts that can occur. */
export function matchingRows(facts: Facts): readonly Row[] {
  return verdictTable.filter(({ when }) =>
    (Object.keys(when) as (keyof Facts)[]).every((fact) => when[fact] === facts[fact]),
  );
}

/** Whether the facts do not contradict each other. */
export function canOccur(facts: Facts): boolean {
  if (facts.slot !== 'header' && facts.bodyOk) return false;
  if (!facts.bodyOk && facts.fits) return false;
  // A later mark and the batch's own commit frame are themselves frames behind, unless the frame in
  // question is the last of its batch.
  if (facts.laterMark && !facts.framesBehind) return false;
  return !(facts.slot === 'empty' && facts.commitOk && !facts.framesBehind);
}

/** The meaning of facts. */
export function judge(facts: Facts): VerdictName {
  const row = matchingRows(facts)[0];
  if (row === undefined) throw new RangeError(`facts without a verdict: ${JSON.stringify(facts)}`);
  return row.verdict;
}
