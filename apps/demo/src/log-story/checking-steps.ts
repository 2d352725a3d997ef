/** Checking the whole log against ledger and documents, and giving back what a snapshot covers. */
import { openChunkLog } from './chunk-log.ts';
import { byteSize, count, counted, duration } from '../common/figures.ts';
import { hashPieces } from './hash-pieces.ts';
import { compareWithPieces } from './ledger.ts';
import type { ListedEntry, Measured, Opened } from './protocol.ts';
import type { Run } from './run.ts';
import type { WriterProcess } from './writer-process.ts';

/** Less than this is lost in the noise of a heap; more would be a burden to try. */
const heldBytesMin: number = 4 * 1024 * 1024;
const heldBytesMax: number = 256 * 1024 * 1024;

/** Every entry, read from the log: as acknowledged, and as the documents on disk are. */
export async function verifyAll(run: Run, writer: WriterProcess): Promise<ListedEntry[]> {
  const { terminal, ledger, pieces, findings } = run;
  const entries = await run.list(writer, pieces.length);
  run.judgeComparison(ledger.compare(entries, 1));
  const hashes = await hashPieces(findings.root, pieces, (done) => {
    terminal.progress(done, pieces.length, () => 'comparing with the documents');
  });
  const problems = compareWithPieces(entries, pieces, (piece) => hashes.get(piece) ?? '');
  const files = findings.documents.length;
  run.judge(
    `${count(files)} of ${counted(files, 'document')} are in the log completely, once, and equal to the file (SHA-256)`,
    problems,
  );
  return entries;
}

/**
 * Measures the memory of a log that is held in RAM, by loading all entries. Returns `undefined`
 * when the log is too small or too large for that.
 */
export async function measureHeld(run: Run, writer: WriterProcess): Promise<Measured | undefined> {
  const { bytes } = run.findings;
  if (bytes < heldBytesMin || bytes > heldBytesMax) return undefined;
  return writer.ask({ type: 'measure' }, 'measured');
}

/** A marker says that a snapshot holds the first nine tenths; their entries go. */
export async function snapshotAndPurge(
  run: Run,
  writer: WriterProcess,
  opened: Opened,
  lastIndex: number,
): Promise<void> {
  const { terminal } = run;
  terminal.step('Record a snapshot, and purge what it covers');
  const index = Math.max(1, Math.floor(lastIndex * 0.9));
  const { report } = await writer.ask({ type: 'snapshot-and-purge', index }, 'purged');
  terminal.note(`marker at index ${count(index)}; purged up to it`);
  const { segmentsRemoved, segmentsRecycled, segmentsKept, bytesFreed } = report;
  if (segmentsRemoved + segmentsRecycled === 0 && bytesFreed > 0) {
    terminal.note(`${byteSize(bytesFreed)} given back to the disk`);
  } else {
    terminal.note(
      `segments: ${segmentsRemoved} removed, ${segmentsRecycled} set aside to be written again (${byteSize(bytesFreed)} together), ${segmentsKept} still needed`,
    );
  }
  if (report.heldBy !== undefined) terminal.note(`why more is on disk: ${report.heldBy}`);
  if (!opened.durable) {
    judgePurged(run, await run.list(writer, lastIndex - index), index);
    return;
  }
  await writer.ask({ type: 'close' }, 'done');
  await writer.end();
  await checkAfterPurge(run, index);
}

async function checkAfterPurge(run: Run, purgedTo: number): Promise<void> {
  const { terminal, settings, workplace } = run;
  const { log, existed, openMs } = await openChunkLog(
    settings.walType,
    workplace.storageRoot,
    'recover',
  );
  try {
    if (!existed) run.fail('there is no log after the purge');
    const { storage, snapshots } = log.opened;
    const firstIndex = storage.firstIndex();
    const exact = log.manager.capabilities.exactPurge;
    terminal.note(`opened again in ${duration(openMs)}: starts at index ${count(firstIndex)}`);
    if (exact ? firstIndex !== purgedTo + 1 : firstIndex > purgedTo + 1) {
      run.fail(`the log starts at ${firstIndex} after a purge up to ${purgedTo}`);
    }
    if (snapshots.at(-1)?.index !== purgedTo) run.fail(`the marker at ${purgedTo} is not there`);
    const entries: ListedEntry[] = [];
    for await (const entry of log.list(firstIndex)) entries.push(entry);
    judgePurged(run, entries, firstIndex - 1);
  } finally {
    await log.close();
  }
}

function judgePurged(run: Run, entries: readonly ListedEntry[], purgedTo: number): void {
  run.judgeComparison(run.ledger.compare(entries, purgedTo + 1));
}
