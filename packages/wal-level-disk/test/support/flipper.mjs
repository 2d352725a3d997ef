// Flips bits in the files of a log, one after the other, and prints the outcome of each. It is a
// process of its own because damage can end it: LevelDB reads tables without verifying their
// checksums. Argument: a file with the job as JSON. Each flip prints a line with its number before,
// and a line with its outcome after.
import { mkdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { walBackend } from '../../dist/index.js';
import { contentOf } from './content.mjs';

const job = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));
const files = new Map(job.files.map(([name, text]) => [name, Buffer.from(text, 'base64')]));
const say = (line) => writeSync(1, `${line}\n`);

function layOut(flipped) {
  rmSync(job.directory, { recursive: true, force: true });
  for (const [name, bytes] of files) {
    const path = join(job.directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, name === flipped.name ? flipped.bytes : bytes);
  }
}

async function outcome() {
  const manager = await walBackend.open(job.directory, job.options);
  let where = 'when opened';
  try {
    const opened = await manager.replayWal();
    where = 'when read';
    const content = contentOf(opened.storage);
    const batches = job.contents.indexOf(content);
    if (batches === job.contents.length - 1) return { outcome: 'the same' };
    if (batches >= 0) return { outcome: 'ends earlier', batches };
    return { outcome: 'wrong', what: content.slice(0, 200) };
  } catch (error) {
    if (['WAL_CORRUPT', 'WAL_READ_FAILED'].includes(error.code))
      return { outcome: `refused ${where}` };
    if (error.code === 'WAL_NOT_FOUND') return { outcome: 'gone' };
    return { outcome: 'wrong', what: String(error) };
  } finally {
    await manager.close();
  }
}

for (let at = job.from; at < job.flips.length; at += 1) {
  const [name, offset, mask] = job.flips[at];
  const bytes = Buffer.from(files.get(name));
  bytes[offset] ^= mask;
  layOut({ name, bytes });
  say(`flip ${at}`);
  say(`was ${JSON.stringify(await outcome())}`);
}
say('end');
