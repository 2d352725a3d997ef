import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeEnvironment } from '@babuza/vfs';
import type { FileSystem } from '@babuza/vfs';
import { OneByteFileSystem, SimulatedDisk } from '../src/index.ts';
import { describeFileSystem } from './file-system-suite.ts';
import type { FileSystemUnderTest } from './file-system-suite.ts';

function real(wrap: (below: FileSystem) => FileSystem): FileSystemUnderTest {
  const directory = fs.mkdtempSync(join(tmpdir(), 'babuza-suite-'));
  const fileSystem = wrap(nodeEnvironment().fileSystem);
  const cleanUp = (): Promise<void> => fs.promises.rm(directory, { recursive: true, force: true });
  return { fileSystem, directory, cleanUp };
}

let seed = 0;

async function simulated(wrap: (below: FileSystem) => FileSystem): Promise<FileSystemUnderTest> {
  seed += 1;
  const disk = new SimulatedDisk({ seed });
  await disk.makeDirectory('/data/test');
  return { fileSystem: wrap(disk), directory: '/data/test', cleanUp: () => Promise.resolve() };
}

describeFileSystem('the file system of Node.js', () => Promise.resolve(real((below) => below)));
describeFileSystem('the simulated disk', () => simulated((below) => below));
describeFileSystem('one byte at a time over the file system of Node.js', () =>
  Promise.resolve(real((below) => new OneByteFileSystem(below))),
);
describeFileSystem('one byte at a time over the simulated disk', () =>
  simulated((below) => new OneByteFileSystem(below)),
);
