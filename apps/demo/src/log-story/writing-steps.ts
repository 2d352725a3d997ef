/** Writing: until the process is killed, and, after a recovery, to the end. */
import type { TailReport } from '@babuza/wal-core';
import { basename } from 'node:path';
import type { Piece } from '../common/documents.ts';
import { byteSize, count, counted, duration } from '../common/figures.ts';
import { pieceKey } from './ledger.ts';
import type { Counters, ListedEntry, Opened } from './protocol.ts';
import type { Run } from './run.ts';
import { WriterGone, WriterProcess } from './writer-process.ts';

/** Writes with many writers and kills the process when about half is acknowledged. */
export async function writeUntilKilled(run: Run): Promise<void> {
  const { terminal, workplace, settings, pieces, ledger } = run;
  terminal.step(
    `Write, ${counted(run.writers, 'writer')} at a time, and kill the process in the middle`,
  );
  const writer = WriterProcess.startIn(workplace);
  const { walType } = settings;
  const { storageRoot } = workplace;
  await writer.ask({ type: 'open', walType, storageRoot, how: 'create' }, 'opened');
  terminal.note(
    `log    ${walType} in ${workplace.isKept ? storageRoot : `${storageRoot} (temporary)`}`,
  );
  terminal.note(`writer process ${writer.pid}`);
  // Somewhere between 40 and 60 percent, so that each run meets the log in another state.
  const killAt = Math.max(1, Math.floor(pieces.length * (0.4 + Math.random() * 0.2)));
  let killed: Promise<void> | undefined;
  try {
    await write(run, writer, pieces, () => {
      if (ledger.count >= killAt) killed ??= writer.kill();
    });
  } catch (error) {
    if (killed === undefined || !(error instanceof WriterGone)) throw error;
  }
  // A log so short that the writer had finished before the signal came.
  await (killed ?? writer.kill());
  terminal.good(
    `killed with SIGKILL; ${count(ledger.count)} of ${counted(pieces.length, 'entry', 'entries')} were acknowledged by then`,
  );
}

/** Starts another process on the same directory and checks what it finds. */
export async function recoverAndCheck(
  run: Run,
): Promise<{ writer: WriterProcess; opened: Opened; entries: ListedEntry[] }> {
  const { terminal, workplace, settings, ledger } = run;
  terminal.step('Start again on the same directory');
  const writer = WriterProcess.startIn(workplace);
  const { walType } = settings;
  const { storageRoot } = workplace;
  const opened = await writer.ask({ type: 'open', walType, storageRoot, how: 'recover' }, 'opened');
  if (!opened.durable) {
    terminal.warn(`${walType} keeps its log in memory only and loses all of it with the process:`);
    terminal.warn(
      `the ${counted(ledger.count, 'acknowledged entry', 'acknowledged entries')} are gone, by design. It is for tests.`,
    );
    run.lostByDesign = ledger.count;
    ledger.forgetAll();
    return { writer, opened, entries: [] };
  }
  if (!opened.existed) run.fail('there is no log after the kill');
  terminal.note(`recovered in ${duration(opened.openMs)}: ${describeTail(opened.tail)}`);
  const entries = await run.list(writer, opened.lastIndex);
  run.judgeComparison(ledger.compare(entries, 1));
  const more = ledger.adopt(entries);
  if (more > 0) {
    terminal.note(
      `${counted(more, 'more entry was', 'more entries were')} in the log, saved or under way when the kill came; kept`,
    );
  }
  terminal.note('(A kill ends the process, not the machine: the crash tests simulate power loss.)');
  return { writer, opened, entries };
}

/** Writes what the log does not have yet; what is in it is known from the log itself. */
export async function finishWriting(
  run: Run,
  writer: WriterProcess,
  { term }: Opened,
  entries: readonly ListedEntry[],
): Promise<void> {
  const { terminal, pieces } = run;
  const present = new Set(entries.map(pieceKey));
  const rest = pieces.filter((piece) => !present.has(pieceKey(piece)));
  terminal.step('Finish the job');
  terminal.note(
    `${count(present.size)} in the log already, ${count(rest.length)} to write, in term ${term}`,
  );
  const counters = await write(run, writer, rest, () => undefined);
  const { elapsedMs, contentBytes } = run.writerRuns.at(-1) ?? { elapsedMs: 0, contentBytes: 0 };
  terminal.good(
    `${counted(rest.length, 'entry', 'entries')}, ${byteSize(contentBytes)}, in ${duration(elapsedMs)} with ${counted(counters?.syncs ?? 0, 'sync')}`,
  );
}

export function describeTail({
  verdict,
  bytesDropped,
  file,
  offset,
  firstIndex,
  lastIndex,
}: TailReport): string {
  if (verdict === 'clean') return 'the end of the log is clean';
  const where =
    file === undefined
      ? ''
      : `, ${basename(file)} from offset ${offset === undefined ? '?' : count(offset)} on`;
  const held =
    firstIndex === undefined
      ? ''
      : `, entries ${count(firstIndex)} to ${count(lastIndex ?? firstIndex)}`;
  return `the end is ${verdict}: ${byteSize(bytesDropped)} dropped${where}${held}`;
}

async function write(
  run: Run,
  writer: WriterProcess,
  pieces: readonly Piece[],
  onAcknowledged: () => void,
): Promise<Counters | undefined> {
  const { terminal, ledger, findings } = run;
  const before = { count: ledger.count, bytes: ledger.contentBytes };
  const startMs = performance.now();
  let lastMs = startMs;
  let counters: Counters | undefined;
  try {
    await writer.ask(
      { type: 'write', root: findings.root, pieces, writers: run.writers },
      'done',
      (notice) => {
        if (notice.type !== 'acknowledged') return;
        ledger.acknowledge(notice);
        counters = notice.counters;
        lastMs = performance.now();
        const entries = ledger.count - before.count;
        const bytes = ledger.contentBytes - before.bytes;
        terminal.progress(entries, pieces.length, () => {
          const perSecond = Math.round((entries * 1000) / (lastMs - startMs));
          return `${counted(entries, 'entry', 'entries')} acknowledged, ${byteSize(bytes)}, ${count(perSecond)}/s`;
        });
        onAcknowledged();
      },
    );
  } finally {
    terminal.clearProgress();
    const entries = ledger.count - before.count;
    const contentBytes = ledger.contentBytes - before.bytes;
    run.writerRuns.push({ entries, contentBytes, elapsedMs: lastMs - startMs, counters });
  }
  return counters;
}
