// Uses up all descriptors but one, then creates a file, which needs two. Argument: directory.
import fs from 'node:fs';
import { join } from 'node:path';
import { nodeEnvironment } from '@babuza/vfs';

const descriptors = [];
for (;;) {
  try {
    descriptors.push(fs.openSync('/dev/null', 'r'));
  } catch {
    break;
  }
}
fs.closeSync(descriptors.pop());
let said;
try {
  await nodeEnvironment().fileSystem.open(join(process.argv[2], 'a'), 'create');
  said = 'opened';
} catch (error) {
  said = `${error.kind} ${error.errno}`;
}
for (const descriptor of descriptors) fs.closeSync(descriptor);
fs.writeSync(1, `${said}\n`);
