/**
 * The files of all logs have mode 0600 and their directories 0700, whatever the umask is. The test
 * uses a process of its own, because the umask is a property of the process.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const packages = fileURLToPath(new URL('../..', import.meta.url));
let root = '';

beforeEach(async () => {
  root = await mkdtemp(`${tmpdir()}/babuza-modes-`);
});

afterEach(() => rm(root, { recursive: true }));

/**
 * Prints the modes that it finds while the log is open, after a purge, a close and a second
 * opening.
 */
const program = `
  import { readdirSync, statSync } from 'node:fs';
  import { join } from 'node:path';
  const [entryPoint, options, umask, root] = process.argv.slice(1);
  process.umask(Number(umask));
  const { walBackend } = await import(entryPoint);
  const directory = join(root, 'wal');
  const seen = {};
  const look = (when) => {
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      const kind = entry.isDirectory() ? 'directory' : 'file';
      const mode = (statSync(path).mode & 0o777).toString(8);
      const key = kind + ' ' + mode;
      seen[key] ??= [];
      seen[key].push(when + ': ' + entry.name);
    }
  };
  const hardState = (commit) => ({ term: 1, vote: 1n, commit });
  const save = async (wal, from, to) => {
    for (let index = from; index <= to; index += 1) {
      const data = new Uint8Array(4096).map((_, at) => (at * 7919 + index * 104729) % 251);
      await wal.save({ entries: [{ index, term: 1, type: 0, data }], hardState: hardState(index) });
    }
  };
  for (const [from, to] of [[1, 40], [41, 80]]) {
    const manager = await walBackend.open(directory, JSON.parse(options));
    const identity = { clusterId: 1, nodeId: 1, entryBytesMax: 8192 };
    const { wal } = from === 1 ? await manager.createWal(identity) : await manager.replayWal();
    wal.setUnsafeNoFsync();
    look('opened');
    await save(wal, from, to);
    await wal.purge(to - 10);
    look('purged');
    await manager.close();
    look('closed');
  }
  console.log(JSON.stringify(seen));
`;

const logs: readonly [name: string, packageName: string, options: object][] = [
  ['babuza-wal', 'wal-native', { segmentBytes: 64 * 1024 }],
  ['etcd-wal', 'wal-etcd', { segmentBytes: 64 * 1024 }],
  [
    'level-wal',
    'wal-level-disk',
    { writeBufferBytes: 64 * 1024, tableBytes: 1024 * 1024, compactPurgedBytes: 0 },
  ],
];

describe.skipIf(process.platform === 'win32').each(logs)('%s', (_name, packageName, options) => {
  it.each([0o000, 0o022])('makes its files for its user alone, umask %i', async (umask) => {
    const entryPoint = join(packages, packageName, 'dist', 'index.js');
    const args = ['--input-type=module', '--eval', program, entryPoint, JSON.stringify(options)];
    const { stdout } = await promisify(execFile)(process.execPath, [...args, String(umask), root]);
    const seen: Readonly<Record<string, string[]>> = JSON.parse(stdout);
    const modes = Object.keys(seen).sort();
    expect(modes, stdout).toEqual(['directory 700', 'file 600']);
    expect(seen['file 600']?.length).toBeGreaterThan(5);
  });
});
