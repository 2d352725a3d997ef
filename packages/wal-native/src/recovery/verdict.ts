/**
 * Decides what it means that a scan stopped: the end of the log, a torn write, or damage. The
 * decision is a table, and the names of the verdicts are used in errors and reports.
 * `docs/DURABILITY.md` explains it: later frames can prove that earlier bytes had been durable, and
 * a write counts as torn only if there is no such proof.
 */

/** Facts about the first offset of a segment without a complete batch that fits. */
export interface Facts {
  /** The segment is the newest one and not sealed, so it may have a torn tail. */
  readonly openEnded: boolean;
  /**
   * The bytes at the offset of the next frame: an empty slot (or a stale frame), a valid header, or
   * neither.
   */
  readonly slot: 'empty' | 'header' | 'garbage';
  /** The frame is complete and its checksum is right. Only with a valid header. */
  readonly bodyOk: boolean;
  /** Kind, group, batch, index and term are possible at this point. Only with a right body. */
  readonly fits: boolean;
  /** The commit frame of this batch exists and is intact. */
  readonly commitOk: boolean;
  /**
   * The start of the batch had been durable: a later frame of this segment records it, or it lies
   * in the head.
   */
  readonly knownDurable: boolean;
  /** There are valid frames of this batch or after it. */
  readonly framesFollow: boolean;
}

export type VerdictName =
  /** The batch continues. */
  | 'ok'
  /** The log ends here. */
  | 'end'
  /** A write was interrupted. It was never acknowledged. */
  | 'torn'
  /**
   * The last batch is incomplete, and there is no proof that it had been durable: its write was
   * interrupted, or it was damaged later.
   */
  | 'uncertain'
  /** The batch had been durable. */
  | 'corrupt-durable'
  /** The segment cannot have a tail, so an incomplete batch is damage. */
  | 'corrupt-sealed'
  /** A valid frame cannot follow the frames before it. */
  | 'corrupt-order';

/** One row of the table: facts and their verdict. A fact that is absent may have any value. */
interface Row {
  readonly when: Partial<Facts>;
  readonly verdict: VerdictName;
}

/** Every combination of facts that can occur matches exactly one row, which a test checks. */
export const verdictTable: readonly Row[] = [
  // An intact frame that does not fit is always damage and is never skipped.
  { when: { slot: 'header', bodyOk: true, fits: false }, verdict: 'corrupt-order' },
  { when: { slot: 'header', bodyOk: true, fits: true, commitOk: true }, verdict: 'ok' },
  // A segment that is sealed or has a successor has no tail.
  { when: { openEnded: false, slot: 'empty' }, verdict: 'corrupt-sealed' },
  { when: { openEnded: false, slot: 'garbage' }, verdict: 'corrupt-sealed' },
  { when: { openEnded: false, slot: 'header', bodyOk: false }, verdict: 'corrupt-sealed' },
  {
    when: { openEnded: false, slot: 'header', bodyOk: true, fits: true, commitOk: false },
    verdict: 'corrupt-sealed',
  },
  // The batch is known to have been durable.
  { when: { openEnded: true, slot: 'empty', knownDurable: true }, verdict: 'corrupt-durable' },
  { when: { openEnded: true, slot: 'garbage', knownDurable: true }, verdict: 'corrupt-durable' },
  {
    when: { openEnded: true, slot: 'header', bodyOk: false, knownDurable: true },
    verdict: 'corrupt-durable',
  },
  {
    when: {
      openEnded: true,
      slot: 'header',
      bodyOk: true,
      fits: true,
      commitOk: false,
      knownDurable: true,
    },
    verdict: 'corrupt-durable',
  },
  // There is no proof, and the commit frame exists: a part before it was not written, or was
  // damaged later.
  {
    when: { openEnded: true, slot: 'empty', knownDurable: false, commitOk: true },
    verdict: 'uncertain',
  },
  {
    when: { openEnded: true, slot: 'garbage', knownDurable: false, commitOk: true },
    verdict: 'uncertain',
  },
  {
    when: { openEnded: true, slot: 'header', bodyOk: false, knownDurable: false, commitOk: true },
    verdict: 'uncertain',
  },
  // There is no proof, and the commit frame does not exist.
  {
    when: {
      openEnded: true,
      slot: 'empty',
      knownDurable: false,
      commitOk: false,
      framesFollow: false,
    },
    verdict: 'end',
  },
  {
    when: {
      openEnded: true,
      slot: 'empty',
      knownDurable: false,
      commitOk: false,
      framesFollow: true,
    },
    verdict: 'torn',
  },
  {
    when: { openEnded: true, slot: 'garbage', knownDurable: false, commitOk: false },
    verdict: 'torn',
  },
  {
    when: { openEnded: true, slot: 'header', bodyOk: false, knownDurable: false, commitOk: false },
    verdict: 'torn',
  },
  {
    when: {
      openEnded: true,
      slot: 'header',
      bodyOk: true,
      fits: true,
      commitOk: false,
      knownDurable: false,
    },
    verdict: 'torn',
  },
];

/** The rows that match the facts; exactly one for facts that can occur. */
export function matchingRows(facts: Facts): readonly Row[] {
  return verdictTable.filter(({ when }) =>
    (Object.keys(when) as (keyof Facts)[]).every((fact) => when[fact] === facts[fact]),
  );
}

/** Whether the facts do not contradict each other. */
export function canOccur(facts: Facts): boolean {
  if (facts.slot !== 'header' && facts.bodyOk) return false;
  if (!facts.bodyOk && facts.fits) return false;
  // A frame that proves durability, and the commit frame of the batch, are later frames themselves,
  // unless the scan stopped at the commit frame.
  if (facts.knownDurable && !facts.framesFollow) return false;
  return !(facts.slot === 'empty' && facts.commitOk && !facts.framesFollow);
}

/** The verdict on the facts. */
export function verdictOf(facts: Facts): VerdictName {
  const row = matchingRows(facts)[0];
  if (row === undefined) throw new RangeError(`facts without a verdict: ${JSON.stringify(facts)}`);
  return row.verdict;
}
