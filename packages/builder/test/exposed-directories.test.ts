/** Each start reports directories that other users of the machine can access. */
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogFields } from '@babuza/raft';
import { BabuzaComponentBuilder } from '../src/index.ts';

let root = '';
let warned: { readonly message: string; readonly fields: LogFields | undefined }[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'babuza-exposed-'));
  warned = [];
});

afterEach(() => rm(root, { recursive: true }));

async function build(): Promise<void> {
  const silent = (): void => undefined;
  const logger = {
    debug: silent,
    info: silent,
    warn: (message: string, fields?: LogFields) => warned.push({ message, fields }),
    error: silent,
  };
  const builder = new BabuzaComponentBuilder({
    clusterId: 1,
    storageRootDir: root,
    walType: 'babuza-wal',
    logger,
  });
  await (await builder.build()).close();
}

describe.skipIf(process.platform === 'win32')('a start', () => {
  it('says nothing of directories that are its own, and of a root that others may list', async () => {
    await mkdir(join(root, 'wal'), { mode: 0o700 });
    await build();
    await chmod(root, 0o755);
    await build();
    expect(warned).toEqual([]);
  });

  it('reports in one line the directories that others may read or write', async () => {
    for (const [name, mode] of [
      ['wal', 0o755],
      ['snap', 0o730],
    ] as const) {
      await mkdir(join(root, name));
      await chmod(join(root, name), mode);
    }
    await chmod(root, 0o775);
    await build();
    expect(warned).toHaveLength(1);
    expect(warned[0]?.message).toContain('0700');
    expect(warned[0]?.fields).toEqual({
      directories: [
        { path: root, others: 'write' },
        { path: join(root, 'wal'), others: 'read' },
        { path: join(root, 'snap'), others: 'write' },
      ],
    });
  });
});
