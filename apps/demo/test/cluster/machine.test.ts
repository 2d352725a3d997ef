import { describe, expect, it } from 'vitest';
import type { SnapshotReader, SnapshotWriter } from '@babuza/raft';
import {
  decodeCommand,
  decodeKey,
  decodeResult,
  encodeCommand,
  encodeKey,
  encodeResult,
  keyBytesMax,
  valueBytesMax,
  type KeyValueCommand,
  type KeyValueResult,
} from '../../src/cluster/key-value-codec.ts';
import { KeyValueMachine } from '../../src/cluster/key-value-machine.ts';
import { bytesOf, textOf } from './support.ts';

const never = new AbortController().signal;

class Applied {
  readonly machine = new KeyValueMachine();
  index = 0;

  bytes(data: Uint8Array): KeyValueResult {
    this.index += 1;
    const [result] = this.machine.apply([{ index: this.index, term: 1, timeMs: 0, data }]);
    return decodeResult(result ?? new Uint8Array(0));
  }

  command(command: KeyValueCommand): KeyValueResult {
    return this.bytes(encodeCommand(command));
  }

  put(key: string, value: string): KeyValueResult {
    return this.command({ kind: 'put', key, value: bytesOf(value) });
  }

  async get(key: string): Promise<string | undefined> {
    const answer = await this.machine.query({ kind: 'get', key });
    return answer.kind === 'value' ? textOf(answer.value) : answer.kind;
  }
}

class Chunks {
  readonly chunks: Uint8Array[] = [];
  /** Runs before each chunk is taken. */
  readonly writer = (before: () => void = () => undefined): SnapshotWriter => ({
    write: async (chunk) => {
      before();
      await Promise.resolve();
      this.chunks.push(new Uint8Array(chunk));
    },
    writeFile: () => Promise.reject(new Error('one file is enough')),
    linkFile: () => Promise.reject(new Error('one file is enough')),
  });

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

function readerOf(bytes: Uint8Array, chunkBytes = 7000): SnapshotReader {
  async function* read(): AsyncGenerator<Uint8Array, void, void> {
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      yield await Promise.resolve(bytes.subarray(at, at + chunkBytes));
    }
  }
  return { fileNames: [], read, readFile: read };
}

describe('codec', () => {
  const commands: readonly KeyValueCommand[] = [
    { kind: 'put', key: 'a', value: Uint8Array.of(0, 255) },
    { kind: 'put', key: 'ключ/😀', value: new Uint8Array(0) },
    { kind: 'delete', key: 'k'.repeat(keyBytesMax) },
    { kind: 'compare-and-set', key: 'a', expected: undefined, value: Uint8Array.of(1) },
    {
      kind: 'compare-and-set',
      key: 'a',
      expected: new Uint8Array(0),
      value: new Uint8Array(valueBytesMax),
    },
  ];

  it('gives back what it was given, and hardly more bytes than the value has', () => {
    for (const command of commands) {
      const bytes = encodeCommand(command);
      const decoded = decodeCommand(bytes);
      expect(Buffer.compare(encodeCommand(decoded), bytes)).toBe(0);
      expect([decoded.kind, decoded.key]).toEqual([command.kind, command.key]);
      const valueBytes = command.kind === 'delete' ? 0 : command.value.length;
      expect(bytes.length).toBeLessThanOrEqual(encodeKey(command.key).length + valueBytes + 8);
    }
    const results: KeyValueResult[] = [
      { kind: 'put', existed: true },
      { kind: 'delete', existed: false },
      { kind: 'compare-and-set', swapped: true },
      { kind: 'malformed' },
    ];
    for (const result of results) expect(decodeResult(encodeResult(result))).toEqual(result);
  });

  it('has these bytes, which logs hold for good', () => {
    const put = encodeCommand({ kind: 'put', key: 'ab', value: Uint8Array.of(7) });
    expect(Buffer.from(put).toString('hex')).toBe('01000200616207');
    const swap = encodeCommand({
      kind: 'compare-and-set',
      key: 'a',
      expected: undefined,
      value: Uint8Array.of(7),
    });
    expect(Buffer.from(swap).toString('hex')).toBe('0102010061ffffffff07');
    expect([...encodeResult({ kind: 'delete', existed: true })]).toEqual([1, 1, 1]);
  });

  it('refuses what is too large, and keys that are no text', () => {
    const refused = { code: 'KEY_VALUE_MALFORMED' };
    const value = new Uint8Array(valueBytesMax + 1);
    expect(() => encodeCommand({ kind: 'put', key: 'a', value })).toThrow(
      expect.objectContaining(refused),
    );
    for (const key of ['', 'é'.repeat(keyBytesMax / 2 + 1), '\ud800', 'a'.repeat(5000)]) {
      expect(() => encodeKey(key)).toThrow(expect.objectContaining(refused));
    }
    expect(() => decodeKey(Uint8Array.of(0xff))).toThrow(expect.objectContaining(refused));
    expect(decodeKey(encodeKey('\ufeffmark'))).toBe('\ufeffmark');
  });

  it('refuses a command that was cut or changed, and never believes its lengths', () => {
    for (const command of commands.slice(0, 4)) {
      const bytes = encodeCommand(command);
      for (let length = 0; length < Math.min(bytes.length, 9); length += 1) {
        const decoded = new Applied().bytes(bytes.subarray(0, length));
        // The value of a put reaches to the end: the log knows where that is.
        const isShorterPut = length >= 5 && command.kind === 'put';
        if (!isShorterPut) expect(decoded).toEqual({ kind: 'malformed' });
      }
    }
    expect(new Applied().bytes(Uint8Array.of(1, 9, 1, 0, 97))).toEqual({ kind: 'malformed' });
    expect(new Applied().bytes(Uint8Array.of(1, 1, 1, 0, 97, 1))).toEqual({ kind: 'malformed' });
  });
});

describe('state machine', () => {
  it('puts, deletes and compares by value', async () => {
    const applied = new Applied();
    expect(applied.put('a', 'one')).toEqual({ kind: 'put', existed: false });
    expect(applied.put('a', 'two')).toEqual({ kind: 'put', existed: true });
    const swap = (expected: string | undefined, value: string): KeyValueResult =>
      applied.command({
        kind: 'compare-and-set',
        key: 'a',
        expected: expected === undefined ? undefined : bytesOf(expected),
        value: bytesOf(value),
      });
    expect(swap('one', 'three')).toEqual({ kind: 'compare-and-set', swapped: false });
    expect(swap(undefined, 'three')).toEqual({ kind: 'compare-and-set', swapped: false });
    expect(swap('two', '')).toEqual({ kind: 'compare-and-set', swapped: true });
    expect(await applied.get('a')).toBe('');
    expect(swap(undefined, 'three')).toEqual({ kind: 'compare-and-set', swapped: false });
    expect(applied.command({ kind: 'delete', key: 'a' })).toEqual({
      kind: 'delete',
      existed: true,
    });
    expect(swap(undefined, 'new')).toEqual({ kind: 'compare-and-set', swapped: true });
    expect(applied.command({ kind: 'delete', key: 'b' })).toEqual({
      kind: 'delete',
      existed: false,
    });
    expect(applied.machine.size).toEqual({ keys: 1, bytes: 3 });
  });

  it('keeps a copy of what it was given', async () => {
    const applied = new Applied();
    const data = encodeCommand({ kind: 'put', key: 'a', value: bytesOf('kept') });
    applied.bytes(data);
    data.fill(0);
    expect(await applied.get('a')).toBe('kept');
  });

  it('has one digest for one content, however it came about', async () => {
    const [one, other] = [new Applied(), new Applied()];
    for (let at = 0; at < 500; at += 1) one.put(`key ${at}`, `value ${at}`);
    other.put('gone', 'soon');
    for (let at = 499; at >= 1; at -= 1) other.put(`key ${at}`, `value ${at}`);
    other.command({ kind: 'delete', key: 'gone' });
    const [first, second] = [await one.machine.digest(), await other.machine.digest()];
    expect(second.sha256).not.toBe(first.sha256);
    other.put('key 0', 'value 0');
    expect((await other.machine.digest()).sha256).toBe(first.sha256);
    expect(first).toMatchObject({ index: 500, keys: 500 });
  });
});

describe('snapshot', () => {
  it('comes back whole, small and large values, in chunks of any size', async () => {
    const applied = new Applied();
    for (let at = 0; at < 3000; at += 1) applied.put(`key ${at}`, `${at} `.repeat(at % 50));
    const value = new Uint8Array(valueBytesMax).fill(3);
    for (const key of ['l1', 'l2', 'l3']) applied.command({ kind: 'put', key, value });
    const chunks = new Chunks();
    await applied.machine.saveSnapshot(applied.machine.prepareSnapshot(), chunks.writer(), never);
    expect(Math.max(...chunks.chunks.map(({ length }) => length))).toBeLessThanOrEqual(
      valueBytesMax,
    );
    expect(chunks.chunks.length).toBeGreaterThan(5);
    for (const chunkBytes of [5000, 65_536, chunks.bytes.length]) {
      const copy = new KeyValueMachine();
      await copy.restoreSnapshot(readerOf(chunks.bytes, chunkBytes), never);
      expect(await copy.digest()).toEqual(await applied.machine.digest());
      expect(copy.size).toEqual(applied.machine.size);
    }
  });

  it('is that of one moment while apply goes on, and so are several at a time', async () => {
    const applied = new Applied();
    for (let at = 0; at < 2000; at += 1) applied.put(`key ${at}`, 'x'.repeat(400));
    const before = await applied.machine.digest();
    const first = applied.machine.prepareSnapshot();
    applied.put('key 1', 'between');
    const between = await applied.machine.digest();
    const second = applied.machine.prepareSnapshot();
    const change = (): void => {
      for (let at = 0; at < 300; at += 1) {
        const key = `key ${(applied.index * 7) % 2500}`;
        if (applied.index % 3 === 0) applied.command({ kind: 'delete', key });
        else applied.put(key, `new ${applied.index}`);
      }
    };
    const [one, two] = [new Chunks(), new Chunks()];
    await Promise.all([
      applied.machine.saveSnapshot(first, one.writer(change), never),
      applied.machine.saveSnapshot(second, two.writer(change), never),
    ]);
    const restored = async (chunks: Chunks): Promise<unknown> => {
      const copy = new KeyValueMachine();
      await copy.restoreSnapshot(readerOf(chunks.bytes), never);
      return copy.digest();
    };
    expect(await restored(one)).toEqual(before);
    expect(await restored(two)).toEqual(between);
    expect((await applied.machine.digest()).sha256).not.toBe(before.sha256);
  });

  it('waits for its writer, and ends with the signal', async () => {
    const applied = new Applied();
    for (let at = 0; at < 20; at += 1) applied.put(`key ${at}`, 'x'.repeat(200_000));
    let under = 0;
    let most = 0;
    const slow: SnapshotWriter = {
      ...new Chunks().writer(),
      write: async () => {
        under += 1;
        most = Math.max(most, under);
        await new Promise((resolve) => setImmediate(resolve));
        under -= 1;
      },
    };
    await applied.machine.saveSnapshot(applied.machine.prepareSnapshot(), slow, never);
    expect(most).toBe(1);
    const ended = AbortSignal.abort(new Error('enough'));
    const saving = applied.machine.saveSnapshot(applied.machine.prepareSnapshot(), slow, ended);
    await expect(saving).rejects.toThrow('enough');
  });

  it('of other bytes, cut or too long, is refused, and the state stays', async () => {
    const applied = new Applied();
    applied.put('a', 'one');
    applied.put('b', 'two');
    const chunks = new Chunks();
    await applied.machine.saveSnapshot(applied.machine.prepareSnapshot(), chunks.writer(), never);
    const { bytes } = chunks;
    const before = await applied.machine.digest();
    const bad = [
      ...Array.from({ length: bytes.length }, (_, length) => bytes.subarray(0, length)),
      Buffer.concat([bytes, Buffer.of(0)]),
      Buffer.from(bytes).fill(0xff, 18, 22),
      Buffer.from(bytes).fill(9, 0, 1),
    ];
    for (const wrong of bad) {
      await expect(applied.machine.restoreSnapshot(readerOf(wrong, 3), never)).rejects.toThrow();
    }
    expect(await applied.machine.digest()).toEqual(before);
  });
});
