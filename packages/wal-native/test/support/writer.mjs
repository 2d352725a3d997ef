// A process that a test kills. Arguments: directory, number.
import { writeSync } from 'node:fs';
import { writeUntilKilled } from '@babuza/testkit/ladder';
import { walBackend } from '../../dist/index.js';

const [directory, number] = process.argv.slice(2);
const inline = Number(number) % 3 === 0;
const manager = await walBackend.open(directory, { segmentBytes: 256 * 1024, inline });
await writeUntilKilled(manager, Number(number), (line) => writeSync(1, `${line}\n`));
