/** Shows how a log reports damage, on copies of its files: a torn write, and a flipped bit. */
import { CorruptError } from '@babuza/wal-core';
import { basename } from 'node:path';
import { openChunkLog } from './chunk-log.ts';
import { fileSha256, findBytes, flipBit, lastBatch, tearFrom, type Place } from './damage.ts';
import { byteSize, count, counted } from '../common/figures.ts';
import { encodeChunk } from './framing.ts';
import type { Comparison } from './ledger.ts';
import type { ListedEntry, Opened } from './protocol.ts';
import type { Run } from './run.ts';
import { WriterGone, WriterProcess } from './writer-process.ts';
import { describeTail } from './writing-steps.ts';

/** The number of bytes of an entry that are searched for; it is enough to be unique. */
const soughtBytes = 64;
/** An entry to damage has at least so much content. */
const rottenContentBytes = 64;

/** A crash while a batch is written: the start of the batch is on disk, the rest is not. */
export async function showTornTail(run: Run, opened: Opened): Promise<void> {
  const { terminal, workplace, settings } = run;
  terminal.step('A torn write, on a copy');
  if (!opened.durable) return explainNoFiles(run);
  const root = await workplace.copyLog('torn');
  const batch = lastBatch();
  const writer = WriterProcess.startIn(workplace);
  const { walType } = settings;
  await writer.ask({ type: 'open', walType, storageRoot: root, how: 'recover' }, 'opened');
  try {
    await writer.ask({ type: 'save-and-die' }, 'done');
  } catch (error) {
    if (!(error instanceof WriterGone)) throw error;
  }
  await writer.kill();
  const sought = encodeChunk(
    batch[batch.length - 1] ?? { path: '', chunk: 0, chunks: 1, content: new Uint8Array(0) },
  );
  const start = await findBytes(root, sought.subarray(0, soughtBytes));
  if (start === undefined) return explainNotFound(run);
  const place = { file: start.file, offset: start.offset + Math.floor(sought.length / 2) };
  const lostBytes = await tearFrom(place);
  terminal.note(
    `a process saves one more batch of ${batch.length} entries and dies; as if the power had gone while`,
  );
  terminal.note(
    `it was written, its last ${byteSize(lostBytes)} are zero: ${basename(place.file)} from offset ${count(place.offset)} on`,
  );
  const { tail, comparison } = await readCopy(run, root);
  terminal.note(`replay says: ${describeTail(tail)}`);
  if (tail.verdict === 'clean' || tail.bytesDropped === 0) {
    const text = 'the torn batch was dropped without a report';
    if (opened.detectsEveryFlip) run.fail(text);
    else terminal.warn(`${text}: this log does not promise one`);
  }
  run.judgeComparison(comparison);
  const back = comparison.listed - comparison.acknowledged;
  if (back > 0) {
    const text = `${counted(back, 'entry', 'entries')} of the torn batch came back`;
    if (opened.batchAtomic) run.fail(text);
    else
      terminal.note(
        `${text}: this log does not promise atomic batches, and none of them was acknowledged`,
      );
  }
  await workplace.removeCopy(root);
}

/** One flipped bit in the content of an entry in the middle, which had been durable for long. */
export async function showRottenByte(
  run: Run,
  opened: Opened,
  entries: readonly ListedEntry[],
): Promise<void> {
  const { terminal, workplace } = run;
  terminal.step('A rotten byte, on a copy');
  if (!opened.durable) return explainNoFiles(run);
  const middle = Math.floor(entries.length / 2);
  const isLargeEnough = ({ bytes }: ListedEntry): boolean => bytes >= rottenContentBytes;
  const victim = entries.slice(middle).find(isLargeEnough) ?? entries.find(isLargeEnough);
  if (victim === undefined) {
    terminal.warn(`not shown: no document has ${rottenContentBytes} bytes`);
    return;
  }
  const root = await workplace.copyLog('rotten');
  const header = encodeChunk({ ...victim, content: new Uint8Array(0) });
  const start = await findBytes(root, header);
  if (start === undefined) return explainNotFound(run);
  const offset = start.offset + header.length + rottenContentBytes / 2;
  const place = { file: start.file, offset };
  const [before, after] = await flipBit(place);
  terminal.note(`in the content of entry ${count(victim.index)}, ${victim.path}:`);
  terminal.note(
    `${hex(before)} became ${hex(after)} in ${basename(place.file)} at offset ${count(offset)}`,
  );
  await judgeRot(run, opened, root, place, victim);
  await workplace.removeCopy(root);
}

async function judgeRot(
  run: Run,
  opened: Opened,
  root: string,
  place: Place,
  victim: ListedEntry,
): Promise<void> {
  const { terminal } = run;
  const shaBefore = await fileSha256(place.file);
  try {
    const { comparison } = await readCopy(run, root);
    if (comparison.problems.length === 0) {
      terminal.warn(
        'the log was read without an error, and every entry came back as it was acknowledged:',
      );
      terminal.warn('the byte lies where this log does not read any more');
    } else if (opened.detectsEveryFlip) {
      run.judge('', comparison.problems);
    } else {
      terminal.warn('the log did not notice; it does not promise to notice every flipped bit');
    }
  } catch (error) {
    if (!(error instanceof CorruptError)) throw error;
    terminal.note(
      `the log refuses to go on: ${error.name}, ${error.code}, verdict ${error.verdict}`,
    );
    terminal.note(`  file     ${basename(error.file)}`);
    if (error.offset !== undefined) terminal.note(`  offset   ${count(error.offset)}`);
    const { firstIndex = 0, lastIndex = Infinity } = error;
    if (error.firstIndex !== undefined) {
      terminal.note(
        `  entries  ${count(firstIndex)} to ${lastIndex === Infinity ? 'the end' : count(lastIndex)}`,
      );
    }
    const named = victim.index >= firstIndex && victim.index <= lastIndex;
    run.judge(
      `entry ${count(victim.index)} is among those`,
      named ? [] : [`entry ${victim.index} is not among those`],
    );
    const same = (await fileSha256(place.file)) === shaBefore;
    run.judge('nothing was cut or changed', same ? [] : [`${basename(place.file)} was changed`]);
  }
}

/** Opens a copy and reads all of it. Throws what the log throws. */
async function readCopy(
  run: Run,
  root: string,
): Promise<{ tail: Parameters<typeof describeTail>[0]; comparison: Comparison }> {
  const { log } = await openChunkLog(run.settings.walType, root, 'recover');
  try {
    const entries: ListedEntry[] = [];
    for await (const entry of log.list(log.opened.storage.firstIndex())) entries.push(entry);
    return { tail: log.opened.tail, comparison: run.ledger.compare(entries, 1) };
  } finally {
    await log.close();
  }
}

function explainNoFiles({ terminal, settings }: Run): void {
  terminal.warn(`cannot be shown: ${settings.walType} has no files that could be damaged`);
}

function explainNotFound({ terminal, settings }: Run): void {
  terminal.warn(
    `cannot be shown: ${settings.walType} does not store entries as the bytes that it is given`,
  );
}

function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, '0')}`;
}
