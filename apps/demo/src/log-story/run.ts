/**
 * The context that the steps of one run share: the terminal, the workplace, and the results so far.
 */
import type { Findings, Piece } from '../common/documents.ts';
import { count, counted } from '../common/figures.ts';
import { Ledger, type Comparison } from './ledger.ts';
import type { Counters, ListedEntry } from './protocol.ts';
import type { StorySettings } from './settings.ts';
import type { Terminal } from '../common/terminal.ts';
import type { Workplace } from '../common/workplace.ts';
import type { WriterProcess } from './writer-process.ts';

/** Problems that are printed one by one; the rest is counted. */
const problemsShown = 5;

/** The work of one writer process until it was killed or finished. */
export interface WriterRun {
  readonly entries: number;
  readonly contentBytes: number;
  readonly elapsedMs: number;
  /** The counters of its log at its last acknowledgement. */
  readonly counters: Counters | undefined;
}

export class Run {
  readonly terminal: Terminal;
  readonly workplace: Workplace;
  readonly settings: StorySettings;
  readonly findings: Findings;
  readonly pieces: readonly Piece[];
  readonly ledger: Ledger = new Ledger();
  /** Sentences; empty when everything that the run claims was verified. */
  readonly failures: string[] = [];
  readonly writerRuns: WriterRun[] = [];
  /** Acknowledged entries that a log which is not durable lost with its process. */
  lostByDesign = 0;

  constructor(
    terminal: Terminal,
    workplace: Workplace,
    settings: StorySettings,
    findings: Findings,
    pieces: readonly Piece[],
  ) {
    this.terminal = terminal;
    this.workplace = workplace;
    this.settings = settings;
    this.findings = findings;
    this.pieces = pieces;
  }

  get writers(): number {
    // With few pieces, fewer writers: else all of them would be under way before the first is done.
    return Math.min(64, Math.max(1, Math.ceil(this.pieces.length / 8)));
  }

  fail(text: string): void {
    this.failures.push(text);
    this.terminal.bad(text);
  }

  /** Prints what holds, or what does not. */
  judge(claim: string, problems: readonly string[]): void {
    if (problems.length === 0) {
      this.terminal.good(claim);
      return;
    }
    for (const problem of problems.slice(0, problemsShown)) this.fail(problem);
    const more = problems.length - problemsShown;
    if (more > 0) this.fail(`and ${counted(more, 'more problem')} like these`);
  }

  judgeComparison({ acknowledged, found, problems }: Comparison): void {
    this.judge(
      `${count(found)} of ${count(acknowledged)} acknowledged entries are there, each with its SHA-256`,
      problems,
    );
  }

  /** Everything in the log that `writer` has open. */
  async list(writer: WriterProcess, total: number): Promise<ListedEntry[]> {
    const entries: ListedEntry[] = [];
    await writer.ask({ type: 'list' }, 'done', (notice) => {
      if (notice.type !== 'listed') return;
      for (const entry of notice.entries) entries.push(entry);
      this.terminal.progress(
        entries.length,
        total,
        () => `read ${counted(entries.length, 'entry', 'entries')}`,
      );
    });
    this.terminal.clearProgress();
    return entries;
  }
}
