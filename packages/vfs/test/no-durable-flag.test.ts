/** On a platform without a flag for durable writes, each durable write is followed by a sync. */
import fs from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { nodeEnvironment } from '../src/index.ts';
import type * as platforms from '../src/platform.ts';
import { temporaryDirectory } from './helpers.ts';

vi.mock('../src/platform.ts', async (original) => {
  const { platform, ...others } = await original<typeof platforms>();
  return { ...others, platform: { ...platform, durableWriteFlag: undefined } };
});

it('a durable write is synced before it resolves, and on the calling thread before it returns', async () => {
  const { fileSystem } = nodeEnvironment();
  const file = await fileSystem.open(join(temporaryDirectory(), 'file'), 'create');
  const later = vi.spyOn(fs, 'fdatasync');
  const now = vi.spyOn(fs, 'fdatasyncSync');
  const write = vi.spyOn(fs, 'write');
  await file.writeDurable([Buffer.from('one')], 0);
  expect([write.mock.calls.length, later.mock.calls.length]).toEqual([1, 1]);
  expect(later.mock.invocationCallOrder[0]).toBeGreaterThan(
    write.mock.invocationCallOrder[0] ?? Infinity,
  );
  file.writeDurableSync([Buffer.from('two')], 3);
  expect(now.mock.calls.length).toBe(1);
  await file.close();
  vi.restoreAllMocks();
});
