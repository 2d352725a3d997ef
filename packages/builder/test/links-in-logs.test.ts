/**
 * A FIFO or a link instead of a file of a log or snapshot: the start is refused, or the snapshot is
 * set aside, without delay. Nothing outside the directory is opened, and the planted file is kept.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { emptyConfState, EntryType } from '@babuza/raftpb';
import { BabuzaComponentBuilder, type BabuzaComponent } from '../src/index.ts';

let root = '';
const afterwards: (() => void)[] = [];

beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), 'babuza-links-'));
});

afterEach(() => {
  for (const act of afterwards.splice(0)) act();
  fs.rmSync(root, { recursive: true });
});

const data = (): string => join(root, 'data');

function build(walType: string): Promise<BabuzaComponent> {
  const walOptions = walType === 'level-wal' ? {} : { segmentBytes: 64 * 1024 };
  const config = { clusterId: 1, storageRootDir: data(), walType, walOptions };
  return new BabuzaComponentBuilder(config).build();
}

/** An open that waits for a writer of a FIFO would block a thread of this process forever. */
function letGo(path: string): void {
  const { O_RDWR, O_NONBLOCK } = fs.constants;
  // The directory of a damaged snapshot was renamed, and nobody waits.
  if (!fs.existsSync(path)) return;
  fs.closeSync(fs.openSync(path, O_RDWR | O_NONBLOCK));
}

/** A log with some entries and an identity record. */
async function makeLog(walType: string): Promise<void> {
  const component = await build(walType);
  const { wal } = await component.walManager.createWal({ clusterId: 1, nodeId: 1 });
  const entry = { index: 1, term: 1, type: EntryType.Normal, data: new Uint8Array(100) };
  await wal.save({ entries: [entry], hardState: { term: 1, vote: 1n, commit: 1 } });
  await component.walManager.writeIdentity(Uint8Array.of(1, 2, 3));
  await component.close();
}

/** Moves a file out of the data directory and puts something else in its place. */
function replace(path: string, kind: 'link' | 'FIFO'): string {
  const outside = join(root, 'outside');
  fs.renameSync(path, outside);
  if (kind === 'link') fs.symlinkSync(outside, path);
  else {
    execFileSync('mkfifo', [path]);
    afterwards.push(() => letGo(path));
  }
  return outside;
}

/** The files of a log by name, without its lock. */
function filesOf(folder: string): string[] {
  return fs
    .readdirSync(join(data(), folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith('LOCK'))
    .map((entry) => join(entry.parentPath, entry.name));
}

const logs: readonly [walType: string, file: RegExp][] = [
  ['babuza-wal', /\.wal$/],
  ['babuza-wal', /IDENTITY$/],
  ['etcd-wal', /\.wal$/],
  ['etcd-wal', /IDENTITY$/],
  ['level-wal', /CURRENT$/],
  ['level-wal', /\.log$/],
  ['level-wal', /MANIFEST-\d+$/],
  ['level-wal', /witness\/[0-9a-f]{16}$/],
];

const cases = logs.flatMap((log) => [[...log, 'FIFO'] as const, [...log, 'link'] as const]);

describe.skipIf(process.platform === 'win32')('in place of a file of a log', () => {
  it.each(cases)(
    '%s, %s, a %s is refused and stays',
    { timeout: 20_000 },
    async (type, file, kind) => {
      await makeLog(type);
      const path = filesOf('wal').find((name) => file.test(name));
      if (path === undefined) throw new Error(`no such file: ${filesOf('wal').join(', ')}`);
      const outside = replace(path, kind);
      const before = fs.readFileSync(outside);
      const component = await build(type);
      const opening = async (): Promise<unknown> => {
        await component.walManager.replayWal();
        return component.walManager.readIdentity();
      };
      await expect(opening()).rejects.toMatchObject({
        code: expect.stringMatching(/^WAL_(?:FOREIGN|CORRUPT)$/),
        message: expect.stringContaining(path),
      });
      await component.close();
      expect(fs.lstatSync(path).isFile()).toBe(false);
      expect(fs.readFileSync(outside).equals(before)).toBe(true);
    },
  );
});

describe.skipIf(process.platform === 'win32')('in place of a file of a snapshot', () => {
  it.each(['FIFO', 'link'] as const)('a %s makes it a damaged one', async (kind) => {
    const metadata = { index: 5, term: 1, confState: { ...emptyConfState, voters: [1n] } };
    const component = await build('babuza-wal');
    await component.snapshotManager.open(0n);
    await component.snapshotManager.create(metadata, (files) =>
      files.writeFile('state', [new Uint8Array(1000)]),
    );
    await component.close();
    const path = filesOf('snap').find((name) => name.endsWith('/file-0001'));
    if (path === undefined) throw new Error(`no such file: ${filesOf('snap').join(', ')}`);
    const outside = replace(path, kind);
    const again = await build('babuza-wal');
    await again.snapshotManager.open(0n);
    expect(again.snapshotManager.list()).toEqual([]);
    await again.close();
    expect(fs.readFileSync(outside).length).toBeGreaterThan(1000);
  });

  it('a FIFO with the name of the lock refuses the start', async () => {
    const folder = join(data(), 'snap', `group-${'0'.repeat(16)}`);
    fs.mkdirSync(folder, { recursive: true });
    execFileSync('mkfifo', [join(folder, 'LOCK')]);
    afterwards.push(() => letGo(join(folder, 'LOCK')));
    const component = await build('babuza-wal');
    await expect(component.snapshotManager.open(0n)).rejects.toMatchObject({
      code: 'SNAPSHOT_FOREIGN',
    });
    await component.close();
    expect(fs.readdirSync(folder)).toEqual(['LOCK']);
  });
});
