import { describe, expect, it } from 'vitest';
import { decodeChunk, encodeChunk, FramingError, type Chunk } from '../src/log-story/framing.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

const chunks: readonly Chunk[] = [
  { path: 'a', chunk: 0, chunks: 1, content: new Uint8Array(0) },
  { path: 'pkg/package.json', chunk: 0, chunks: 1, content: text('{"name":"pkg"}') },
  { path: 'größe/文書.md', chunk: 2, chunks: 3, content: text('doc\u0001') },
  { path: 'x'.repeat(0xffff), chunk: 0xfffffffe, chunks: 0xffffffff, content: text('end') },
];

describe('framing of an entry', () => {
  it('gives back what was put in', () => {
    for (const chunk of chunks) expect(decodeChunk(encodeChunk(chunk))).toEqual(chunk);
  });

  it('reads a part of a larger buffer', () => {
    const encoded = encodeChunk({ path: 'p', chunk: 0, chunks: 2, content: text('content') });
    const larger = new Uint8Array(encoded.length + 20);
    larger.set(encoded, 10);
    expect(decodeChunk(larger.subarray(10, 10 + encoded.length)).content).toEqual(text('content'));
  });

  it('has not changed', () => {
    const encoded = encodeChunk({ path: 'a/b', chunk: 1, chunks: 2, content: text('hi') });
    expect(Buffer.from(encoded).toString('hex')).toBe('646f630103000100000002000000612f626869');
  });

  it('refuses what it did not write', () => {
    const good = encodeChunk({ path: 'path', chunk: 0, chunks: 1, content: text('content') });
    const changed = (at: number, value: number): Uint8Array => {
      const bytes = good.slice();
      bytes[at] = value;
      return bytes;
    };
    expect(() => decodeChunk(new Uint8Array(0))).toThrow(FramingError);
    expect(() => decodeChunk(good.subarray(0, 13))).toThrow(/shorter than the header/);
    expect(() => decodeChunk(changed(0, 0x44))).toThrow(/does not start with "doc"/);
    expect(() => decodeChunk(changed(3, 2))).toThrow(/framing version 2/);
    expect(() => decodeChunk(changed(5, 0x01))).toThrow(/ends behind its entry/);
    expect(() => decodeChunk(changed(6, 0x01))).toThrow(/chunk 1 of 1/);
  });

  it('refuses to write what it could not read', () => {
    const content = new Uint8Array(0);
    expect(() => encodeChunk({ path: 'x'.repeat(0x10000), chunk: 0, chunks: 1, content })).toThrow(
      FramingError,
    );
    expect(() => encodeChunk({ path: 'x', chunk: 1, chunks: 1, content })).toThrow(FramingError);
  });
});
