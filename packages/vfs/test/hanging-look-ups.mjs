// Six look-ups that hang in the thread pool, as getaddrinfo does where a name server does not
// answer, and writes beside them. Argument: a directory. Says how many look-ups hold a thread, and
// that the writes are durable.
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeEnvironment } from '@babuza/vfs';
import { SystemNames } from '../dist/names/system-names.js';

const [directory] = process.argv.slice(2);
const pipe = join(directory, 'pipe');
execFileSync('mkfifo', [pipe]);
let holding = 0;
// A pipe that nobody writes to holds its thread for ever.
const hang = () => {
  holding += 1;
  return readFile(pipe);
};

const { fileSystem, clock } = nodeEnvironment();
const names = new SystemNames(clock, undefined, hang);
const { signal } = new AbortController();
for (const id of [1, 2, 3, 4, 5, 6]) names.lookUp(`dead-${id}`, signal).catch(() => undefined);

const files = [1, 2, 3, 4, 5, 6, 7, 8].map(async (id) => {
  const file = await fileSystem.open(join(directory, `file-${id}`), 'create');
  for (let at = 0; at < 10; at += 1) await file.writeDurable([Buffer.from('saved')], 5 * at);
  await file.close();
});
await Promise.all(files);
console.log(`${holding} look-ups hang, all writes are durable`);
process.kill(process.pid, 'SIGKILL');
