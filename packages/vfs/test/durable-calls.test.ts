/** The calls of the platform that make bytes and names durable, and their order. */
import fs from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { FileError, nodeEnvironment } from '../src/index.ts';
import { temporaryDirectory } from './helpers.ts';

const { fileSystem } = nodeEnvironment();
afterEach(() => vi.restoreAllMocks());

const bytes = Buffer.from('content');

/** Records the calls that create directories and sync names. */
function traced(): string[] {
  const calls: string[] = [];
  const { open, mkdir } = fs.promises;
  vi.spyOn(fs.promises, 'open').mockImplementation(async (...given) => {
    const opened = await open(...given);
    for (const name of ['sync', 'datasync', 'close'] as const) {
      const call = opened[name].bind(opened);
      opened[name] = () => {
        calls.push(`${name} ${String(given[0])}`);
        return call();
      };
    }
    return opened;
  });
  vi.spyOn(fs.promises, 'mkdir').mockImplementation(async (...given) => {
    calls.push(`mkdir ${String(given[0])}`);
    return mkdir(given[0], given[1]);
  });
  return calls;
}

describe('a file', () => {
  it('is synced by each call of datasync and datasyncSync', async () => {
    const file = await fileSystem.open(join(temporaryDirectory(), 'file'), 'create');
    const later = vi.spyOn(fs, 'fdatasync');
    const now = vi.spyOn(fs, 'fdatasyncSync');
    await file.write(bytes, 0);
    expect([later.mock.calls.length, now.mock.calls.length]).toEqual([0, 0]);
    await file.datasync();
    await file.datasync();
    expect([later.mock.calls.length, now.mock.calls.length]).toEqual([2, 0]);
    file.datasyncSync();
    expect([later.mock.calls.length, now.mock.calls.length]).toEqual([2, 1]);
    await file.close();
  });

  it.runIf(process.platform === 'linux')(
    'is written durably through a descriptor that syncs each write',
    async () => {
      const open = vi.spyOn(fs, 'open');
      const file = await fileSystem.open(join(temporaryDirectory(), 'file'), 'create');
      const flags = open.mock.calls.map(([, given]) => Number(given) & fs.constants.O_DSYNC);
      expect(flags).toEqual([0, fs.constants.O_DSYNC]);
      const written: number[] = [];
      const { write, writeSync } = fs;
      vi.spyOn(fs, 'write').mockImplementation((...given: unknown[]) => {
        written.push(Number(given[0]));
        Reflect.apply(write, fs, given);
      });
      vi.spyOn(fs, 'writeSync').mockImplementation((...given: unknown[]) => {
        written.push(Number(given[0]));
        return Number(Reflect.apply(writeSync, fs, given));
      });
      await file.write(bytes, 0);
      await file.writeDurable([bytes], 0);
      file.writeDurableSync([bytes], 0);
      const [plain, durable, durableToo] = written;
      const flagsOf = (fd: number | undefined): number => {
        const text = fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8');
        return Number.parseInt(/flags:\s+(\d+)/.exec(text)?.[1] ?? '', 8) & fs.constants.O_DSYNC;
      };
      expect([plain, durable, durableToo].map(flagsOf)).toEqual([
        0,
        fs.constants.O_DSYNC,
        fs.constants.O_DSYNC,
      ]);
      await file.close();
      for (const fd of [plain, durable]) expect(fs.existsSync(`/proc/self/fd/${fd}`)).toBe(false);
    },
  );

  it.runIf(process.platform === 'linux')(
    'leaves no name and no descriptor if its second descriptor cannot be opened',
    async () => {
      const path = join(temporaryDirectory(), 'file');
      const before = fs.readdirSync('/proc/self/fd').length;
      const { open } = fs;
      let count = 0;
      vi.spyOn(fs, 'open').mockImplementation((...given: unknown[]) => {
        count += 1;
        const done = given.at(-1) as (error: Error) => void;
        if (count === 2) done(Object.assign(new Error('no more'), { code: 'EIO' }));
        else Reflect.apply(open, fs, given);
      });
      await expect(fileSystem.open(path, 'create')).rejects.toBeInstanceOf(FileError);
      expect(fs.existsSync(path)).toBe(false);
      expect(fs.readdirSync('/proc/self/fd').length).toBe(before);
      const file = await fileSystem.open(path, 'create');
      await file.close();
    },
  );

  it('is created once: a second creation under the same name fails', async () => {
    const path = join(temporaryDirectory(), 'file');
    await (await fileSystem.open(path, 'create')).close();
    await expect(fileSystem.open(path, 'create')).rejects.toMatchObject({ kind: 'exists' });
  });
});

describe('names', () => {
  it('are durable after a sync of their directory, whose handle is closed', async () => {
    const directory = temporaryDirectory();
    const calls = traced();
    await fileSystem.syncDirectory(directory);
    expect(calls).toEqual([`sync ${directory}`, `close ${directory}`]);
  });

  it('of new directories are synced one by one, after the name of the deepest existing one', async () => {
    const top = temporaryDirectory();
    const [one, two] = [join(top, 'one'), join(top, 'one', 'two')];
    const calls = traced();
    await fileSystem.makeDirectory(two);
    expect(calls.filter((call) => !call.startsWith('close'))).toEqual([
      `sync ${dirname(top)}`,
      `mkdir ${one}`,
      `sync ${top}`,
      `mkdir ${two}`,
      `sync ${one}`,
    ]);
    expect(fs.statSync(two).mode & 0o777).toBe(0o700);
  });

  it('of an existing directory are synced again, because its creator may not have done so', async () => {
    const directory = temporaryDirectory();
    const calls = traced();
    await fileSystem.makeDirectory(directory);
    expect(calls).toContain(`sync ${dirname(directory)}`);
  });
});

describe('the record of a lock', () => {
  it('is synced before it gets its name', async () => {
    const directory = temporaryDirectory();
    const calls = traced();
    const { link } = fs.promises;
    vi.spyOn(fs.promises, 'link').mockImplementation((from, to) => {
      calls.push(`link ${String(to)}`);
      return link(from, to);
    });
    const lock = await fileSystem.lock(directory);
    await lock.release();
    const synced = calls.findIndex((call) => call.startsWith(`datasync ${directory}/LOCK.`));
    expect(synced).toBeGreaterThanOrEqual(0);
    expect(calls.indexOf(`link ${directory}/LOCK`)).toBeGreaterThan(synced);
  });
});
