// One contender for the lock of a directory. Arguments: directory, name, what to do. hold: takes
// the lock, says "held" and waits to be killed. keep: takes the lock with short timings, as
// if in another process namespace, says "held", and at each byte
//        on stdin whether the lock was "fresh", "renewed" or "lost"; ends when it was lost.
// race: at the first byte on stdin tries until it has the lock, checks that it is alone inside, and
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

if (work === 'keep') {
  const { lockDirectoryIn } = await import('../dist/lock/directory-lock.js');
  const { ownIdentity } = await import('../dist/lock/process-identity.js');
  const timings = { heartbeatMs: 20, silentMs: 200, unreadableMs: 100, pollMs: 5 };
  const self = { ...(await ownIdentity()), pidNamespace: 'pid:[1]' };
  const lock = await lockDirectoryIn(directory, { clock, random, self, timings, usesLinks: true });
  say('held');
  for await (const chunk of process.stdin) {
    if (chunk.length === 0) continue;
    try {
      // The heartbeat may have come first.
      await lock.confirm();
      say('renewed');
    } catch (error) {
      say(`lost ${error.kind}`);
      break;
    }
  }
  process.exit(0);
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
