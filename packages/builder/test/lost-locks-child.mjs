// The owner of a log that is stopped from outside. Arguments: package of the log, directory. It
// saves entry after entry, says "saved N" for each that was acknowledged, and at the end "ended
// CODE". Its lock has short timings, and it looks as if it ran in a process namespace of its own:
// only its heartbeat tells others that it lives.
import fs from 'node:fs';
import { nodeEnvironment } from '@babuza/vfs';
import { lockDirectoryIn } from '../../vfs/dist/lock/directory-lock.js';
import { ownIdentity } from '../../vfs/dist/lock/process-identity.js';

const [name, directory, millisecondsSilent] = process.argv.slice(2);
const { walBackend } = await import(name);
const { fileSystem, clock, random } = nodeEnvironment();
const silentMs = Number(millisecondsSilent);
const timings = { heartbeatMs: silentMs / 10, silentMs, unreadableMs: silentMs, pollMs: 5 };
const self = { ...(await ownIdentity()), pidNamespace: 'pid:[1]' };
fileSystem.lock = (path) =>
  lockDirectoryIn(path, { clock, random, self, timings, usesLinks: true });

function say(text) {
  fs.writeSync(1, `${text}\n`);
}

const manager = await walBackend.open(directory, { environment: { fileSystem, clock, random } });
const { wal } = await manager.createWal({ clusterId: 1, nodeId: 1 });
try {
  for (let index = 1; ; index += 1) {
    await wal.save({ entries: [{ index, term: 1, type: 0, data: Buffer.from(`first${index}`) }] });
    say(`saved ${index}`);
    await clock.sleep(1);
  }
} catch (error) {
  say(`ended ${error.code}`);
}
await manager.close().catch(() => undefined);
