import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findBytes, flipBit, tearFrom } from '../src/log-story/damage.ts';

let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'babuza-damage-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

it('finds bytes below a folder', async () => {
  const file = join(folder, 'deep', 'file');
  await mkdir(join(folder, 'deep'));
  await writeFile(join(folder, 'other'), 'nothing');
  await writeFile(file, 'some bytes');
  expect(await findBytes(folder, Buffer.from('bytes'))).toEqual({ file, offset: 5 });
  expect(await findBytes(folder, Buffer.from('more'))).toBeUndefined();
});

it('tears: zeros from an offset on, the length stays', async () => {
  const file = join(folder, 'file');
  await writeFile(file, 'written\0\0\0');
  expect(await tearFrom({ file, offset: 3 })).toBe(4);
  expect(await readFile(file, 'latin1')).toBe('wri\0\0\0\0\0\0\0');
});

it('flips one bit', async () => {
  const file = join(folder, 'file');
  await writeFile(file, 'aaa');
  expect(await flipBit({ file, offset: 1 })).toEqual([0x61, 0x71]);
  expect(await readFile(file, 'latin1')).toBe('aqa');
});
