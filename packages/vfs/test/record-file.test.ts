/**
 * A record in a file of its own, on the real disk. The packages that keep such records test
 * crashes.
 */
import fs from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  decodeRecord,
  encodeRecord,
  nodeEnvironment,
  readRecord,
  recordBytesMax,
  removeRecord,
  writeRecord,
} from '../src/index.ts';
import { temporaryDirectory } from './helpers.ts';

const disk = nodeEnvironment().fileSystem;
const content = (bytes: number): Uint8Array =>
  Uint8Array.from({ length: bytes }, (_, at) => at * 7);

describe('a record', () => {
  it('is absent, then whole, then absent again', async () => {
    const directory = temporaryDirectory();
    expect(await readRecord(disk, directory, 'R')).toEqual({ kind: 'absent' });
    for (const bytes of [0, 1, 300, recordBytesMax]) {
      await writeRecord(disk, directory, 'R', content(bytes));
      expect(fs.readdirSync(directory)).toEqual(['R']);
      const read = await readRecord(disk, directory, 'R');
      expect(read.kind).toBe('whole');
      if (read.kind === 'whole') expect(Buffer.compare(read.bytes, content(bytes))).toBe(0);
    }
    expect(fs.statSync(`${directory}/R`).mode & 0o777).toBe(0o600);
    await removeRecord(disk, directory, 'R');
    await removeRecord(disk, directory, 'R');
    expect(fs.readdirSync(directory)).toEqual([]);
  });

  it('is written although an interrupted write has left its temporary file', async () => {
    const directory = temporaryDirectory();
    fs.writeFileSync(`${directory}/R.tmp`, 'half');
    await writeRecord(disk, directory, 'R', content(5));
    expect(await readRecord(disk, directory, 'R')).toEqual({ kind: 'whole', bytes: content(5) });
    expect(fs.readdirSync(directory)).toEqual(['R']);
  });

  it('has the documented bytes', () => {
    expect(Buffer.from(encodeRecord(Uint8Array.of(1, 2, 255))).toString('hex')).toBe(
      '424142555a41524301000000030000008a4f8a780102ff',
    );
  });

  it('has at most 64 KiB', () => {
    expect(() => encodeRecord(new Uint8Array(recordBytesMax + 1))).toThrow(/at most 65536 bytes/);
  });

  it('is damaged when any bit differs or any byte is missing', () => {
    const whole = encodeRecord(content(40));
    for (let bit = 0; bit < whole.length * 8; bit += 1) {
      const bytes = whole.slice();
      const at = bit >> 3;
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
      expect(decodeRecord(bytes).kind, `bit ${bit}`).toBe('damaged');
    }
    for (let length = 0; length < whole.length; length += 1) {
      expect(decodeRecord(whole.subarray(0, length)).kind, `${length} bytes`).toBe('damaged');
    }
    expect(decodeRecord(new Uint8Array([...whole, 0])).kind).toBe('damaged');
    expect(decodeRecord(new Uint8Array(2 * 1024 * 1024)).kind).toBe('damaged');
    expect(decodeRecord(whole)).toEqual({ kind: 'whole', bytes: content(40) });
  });

  it('is damaged, not absent, if its name is that of a directory', async () => {
    const directory = temporaryDirectory();
    fs.mkdirSync(`${directory}/R`);
    expect(await readRecord(disk, directory, 'R')).toMatchObject({ kind: 'damaged' });
  });

  it('cannot be read if the directory is a file', async () => {
    const directory = temporaryDirectory();
    fs.writeFileSync(`${directory}/file`, '');
    await expect(readRecord(disk, `${directory}/file`, 'R')).rejects.toMatchObject({
      kind: 'not-a-directory',
    });
  });
});
