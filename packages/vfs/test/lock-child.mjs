// One contender for the lock of a directory. Arguments: directory, name, what to do.
// hold:  takes the lock, says "held" and waits to be killed.
// race:  at the first byte on stdin tries until it has the lock, checks that it is alone inside, and
//        dies by SIGKILL without giving the lock back. Says "alone" or "NOT ALONE" before.
import fs from 'node:fs';
import { join } from 'node:path';
import { FileError, nodeEnvironment } from '@babuza/vfs';

const [directory, name, work] = process.argv.slice(2);
const { fileSystem, clock, random } = nodeEnvironment();

function say(text) {
  fs.writeSync(1, `${name} ${text}\n`);
}

async function takeLock() {
  for (;;) {
    try {
      return await fileSystem.lock(directory);
    } catch (error) {
      if (!(error instanceof FileError) || error.kind !== 'locked') throw error;
      await clock.sleep(random.uint32() % 5);
    }
  }
}

if (work === 'race') {
  say('ready');
  fs.readSync(0, Buffer.alloc(1));
}
await takeLock();
if (work === 'hold') {
  say('held');
  await clock.sleep(60_000);
}
const inside = join(directory, 'inside');
try {
  fs.closeSync(fs.openSync(inside, 'wx'));
  await clock.sleep(random.uint32() % 10);
  fs.unlinkSync(inside);
  say('alone');
} catch (error) {
  say(`NOT ALONE ${error.message}`);
}
process.kill(process.pid, 'SIGKILL');
