/**
 * The story of one log: real documents are written to it by a process that is killed in the middle,
 * another process recovers it and finishes, copies of it are damaged, and it is purged. Each step
 * checks what it claims against the demo's own ledger.
 */
import { measureHeld, snapshotAndPurge, verifyAll } from './checking-steps.ts';
import { showRottenByte, showTornTail } from './damage-steps.ts';
import { findDocuments, NoDocumentsError, piecesOf, type Findings } from '../common/documents.ts';
import { printFigures } from './figures-table.ts';
import { byteSize, count, counted, duration } from '../common/figures.ts';
import type { Opened } from './protocol.ts';
import { Run } from './run.ts';
import type { StorySettings } from './settings.ts';
import type { Terminal } from '../common/terminal.ts';
import type { Workplace } from '../common/workplace.ts';
import { WriterProcess } from './writer-process.ts';
import { finishWriting, recoverAndCheck, writeUntilKilled } from './writing-steps.ts';

/** Runs the story. Returns a sentence for each check that failed. */
export async function tellLogStory(
  terminal: Terminal,
  workplace: Workplace,
  settings: StorySettings,
): Promise<readonly string[]> {
  const startMs = performance.now();
  terminal.line(
    terminal.style(
      'bold',
      'Babuza: a write-ahead log for Raft, killed, recovered, damaged and purged',
    ),
  );
  const run = await findAll(terminal, workplace, settings);
  await writeUntilKilled(run);
  const recovery = await recoverAndCheck(run);
  const { opened: recovered } = recovery;
  await finishWriting(run, recovery.writer, recovered, recovery.entries);
  const counters = run.writerRuns.at(-1)?.counters;

  const { writer, reopened } = await restartCleanly(run, recovery.writer, recovered);
  const entries = await verifyAll(run, writer);
  const held = await measureHeld(run, writer);
  if (reopened !== undefined) {
    // The files are copied while no process has them open.
    await writer.ask({ type: 'close' }, 'done');
    await writer.end();
  }
  await showTornTail(run, recovered);
  await showRottenByte(run, recovered, entries);
  const last = reopened === undefined ? writer : await openAgain(run).then((again) => again.writer);
  await snapshotAndPurge(run, last, recovered, entries.length);
  printFigures(run, { recovered, reopened, counters, held });
  conclude(run, performance.now() - startMs);
  return run.failures;
}

async function findAll(
  terminal: Terminal,
  workplace: Workplace,
  settings: StorySettings,
): Promise<Run> {
  terminal.step(`Find documents: ${settings.inputName}`);
  const findings = await findDocuments(settings.inputFolder, settings.wanted, settings);
  if (findings.documents.length === 0) {
    throw new NoDocumentsError(
      `there are no documents in ${settings.inputFolder}; choose another --input`,
    );
  }
  const run = new Run(terminal, workplace, settings, findings, piecesOf(findings.documents));
  const empty = findings.documents.filter(({ bytes }) => bytes === 0).length;
  const largest = Math.max(...findings.documents.map(({ bytes }) => bytes));
  terminal.good(
    `${counted(findings.documents.length, 'document')}, ${byteSize(findings.bytes)}; ${empty} of them empty, the largest ${byteSize(largest)}`,
  );
  terminal.note(
    `${counted(run.pieces.length, 'entry', 'entries')} to write: larger documents in parts of 1 MiB`,
  );
  tellLeftOut(terminal, settings, findings);
  return run;
}

function tellLeftOut(
  terminal: Terminal,
  { bytesMax, filesMax }: StorySettings,
  { overLimit, unreadable, linksNotFollowed }: Findings,
): void {
  if (linksNotFollowed > 0) {
    terminal.note(
      `${counted(linksNotFollowed, 'symbolic link')} not followed, so that nothing is taken twice`,
    );
  }
  if (unreadable > 0)
    terminal.warn(`${counted(unreadable, 'file or folder', 'files or folders')} could not be read`);
  const limits = `--limit ${byteSize(bytesMax)}, --limit-files ${count(filesMax)}`;
  if (overLimit.files === 0) {
    terminal.note(`nothing left out for size (${limits})`);
  } else {
    terminal.warn(
      `left out: ${counted(overLimit.files, 'document')}, ${byteSize(overLimit.bytes)} (${limits})`,
    );
  }
}

/** A log that has files is closed and opened by a fresh process; one without would be lost. */
async function restartCleanly(
  run: Run,
  writer: WriterProcess,
  { durable }: Opened,
): Promise<{ writer: WriterProcess; reopened: Opened | undefined }> {
  const { terminal } = run;
  if (!durable) {
    terminal.step('Verify everything');
    return { writer, reopened: undefined };
  }
  terminal.step('Close, open in a fresh process, verify everything');
  await writer.ask({ type: 'close' }, 'done');
  await writer.end();
  const again = await openAgain(run);
  terminal.note(`opened in ${duration(again.reopened.openMs)}`);
  if (again.reopened.tail.verdict !== 'clean')
    run.fail('the end of a log that was closed is not clean');
  return again;
}

async function openAgain(run: Run): Promise<{ writer: WriterProcess; reopened: Opened }> {
  const writer = WriterProcess.startIn(run.workplace);
  const { walType } = run.settings;
  const { storageRoot } = run.workplace;
  const reopened = await writer.ask(
    { type: 'open', walType, storageRoot, how: 'recover' },
    'opened',
  );
  return { writer, reopened };
}

function conclude(
  { terminal, failures, workplace, settings, lostByDesign }: Run,
  elapsedMs: number,
): void {
  terminal.line();
  if (lostByDesign > 0) {
    terminal.line(
      `${settings.walType} is not durable: the kill cost ${counted(lostByDesign, 'acknowledged entry', 'acknowledged entries')}.`,
    );
  }
  if (workplace.isKept) terminal.line(`The log stays in ${workplace.storageRoot}`);
  terminal.line(
    failures.length === 0
      ? terminal.style('green', `All of the above was verified, in ${duration(elapsedMs)}.`)
      : terminal.style('red', 'These checks failed:'),
  );
  for (const failure of failures) terminal.line(`  - ${failure}`);
}
