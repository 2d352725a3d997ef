// Takes a lock with 0 to 11 descriptors left, then with enough of them. Argument: a directory.
// Prints what the first attempts said and how many of the second ones failed.
import fs from 'node:fs';
import { nodeEnvironment } from '@babuza/vfs';

const { fileSystem } = nodeEnvironment();
const [, , directory] = process.argv;
// Modules and threads are loaded by then.
await (await fileSystem.lock(directory)).release();
const first = new Set();
let failed = 0;
for (let left = 0; left < 12; left += 1) {
  const held = [];
  try {
    for (;;) held.push(fs.openSync('/dev/null', 'r'));
  } catch {
    // None is left.
  }
  for (const descriptor of held.splice(0, left)) fs.closeSync(descriptor);
  const lock = await fileSystem.lock(directory).catch((error) => void first.add(error.kind));
  if (lock !== undefined) first.add('locked it');
  for (const descriptor of held) fs.closeSync(descriptor);
  await lock?.release();
  try {
    await (await fileSystem.lock(directory)).release();
  } catch {
    failed += 1;
  }
}
fs.writeSync(
  1,
  `${['locked it', 'too-many-open', 'try-again'].filter((said) => first.has(said)).join(', ')}; ${failed} failed\n`,
);
