// Creates a file and lists a directory. Argument: a directory that the permission model of Node.js
// does not allow.
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { nodeEnvironment } from '@babuza/vfs';

const { fileSystem } = nodeEnvironment();
const [, , directory] = process.argv;
const calls = [
  () => fileSystem.open(join(directory, 'a'), 'create'),
  () => fileSystem.list(directory),
  () => fileSystem.kindOf(directory),
  () => fileSystem.syncDirectory(directory),
  () => fileSystem.makeDirectory(join(directory, 'b')),
  () => fileSystem.lock(directory),
];
for (const call of calls) {
  const said = await call().then(
    () => 'done',
    (error) => error.message,
  );
  writeSync(1, `${said}\n`);
}
