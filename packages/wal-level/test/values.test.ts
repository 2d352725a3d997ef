/** Values whose checksum is valid and whose content is not, and the texts of the errors. */
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  DamagedValueError,
  decodeEntryValue,
  decodeHeader,
  encodeHeader,
  entryHasData,
  entryOverheadBytes,
  ForeignHeaderError,
} from '../src/values.ts';

const key = Uint8Array.of(1, 2, 3);
const metadata = {
  clusterId: 3n,
  nodeId: 4n,
  entryBytesMax: 1024,
  extra: undefined,
  identity: undefined,
};
/** The offset of the byte that says whether a header has extra bytes. */
const hasExtraAt = 36;
const versionAt = 12;

/** The value with the checksum that its bytes have. */
function sealed(value: Uint8Array): Uint8Array {
  const copy = value.slice();
  new DataView(copy.buffer).setUint32(0, crc32(copy.subarray(4), crc32(key)));
  return copy;
}

function changed(value: Uint8Array, at: number, byte: number): Uint8Array {
  const copy = value.slice();
  copy[at] = byte;
  return sealed(copy);
}

describe('a header', () => {
  const header = encodeHeader(key, metadata);
  const laterVersion = new Uint8Array(16);
  laterVersion.set(header.subarray(0, versionAt));
  new DataView(laterVersion.buffer).setUint32(versionAt, 99);

  it('of a later version needs only its magic number and its version to be recognized', () => {
    const decode = (): unknown => decodeHeader(key, sealed(laterVersion));
    expect(decode).toThrow(ForeignHeaderError);
    expect(decode).toThrow(expect.objectContaining({ version: 99 }));
  });

  it('is damaged if it is shorter than that', () => {
    const decode = (): unknown => decodeHeader(key, sealed(laterVersion.subarray(0, 15)));
    expect(decode).toThrow(DamagedValueError);
    expect(decode).toThrow('the value has 15 bytes, expected at least 16');
  });

  const withIdentity = encodeHeader(key, {
    ...metadata,
    extra: Uint8Array.of(7),
    identity: Uint8Array.of(8, 9),
  });
  it.each([
    ['neither has nor lacks extra bytes', changed(header, hasExtraAt, 2)],
    ['says that it has no extra bytes, and has one', sealed(Uint8Array.of(...header, 1))],
    ['has an identity that is longer than the rest', changed(withIdentity, hasExtraAt + 1, 4)],
    ['ends before its identity', sealed(withIdentity.subarray(0, hasExtraAt + 1))],
  ])('is damaged if it %s', (_, value) => {
    const decode = (): unknown => decodeHeader(key, value);
    expect(decode).toThrow(DamagedValueError);
    expect(decode).toThrow('the lengths in the header do not fit its size');
  });

  it('is read if its lengths fit', () => {
    expect(decodeHeader(key, header).metadata).toEqual(metadata);
    const read = decodeHeader(key, withIdentity).metadata;
    expect([read.extra, read.identity]).toEqual([Uint8Array.of(7), Uint8Array.of(8, 9)]);
  });
});

describe('an entry', () => {
  const withoutData = new Uint8Array(entryOverheadBytes);

  it('is damaged if it says that it has no data, and has one byte', () => {
    const decode = (): unknown => decodeEntryValue(key, sealed(Uint8Array.of(...withoutData, 1)));
    expect(decode).toThrow(DamagedValueError);
    expect(decode).toThrow('the entry has the unknown flags 0');
  });

  it('has absent or empty data, as its flags say', () => {
    expect(decodeEntryValue(key, sealed(withoutData))).toEqual({ index: 0, term: 0, type: 0 });
    const value = changed(withoutData, entryOverheadBytes - 1, entryHasData);
    expect(decodeEntryValue(key, value).data).toEqual(new Uint8Array(0));
  });
});

it('a value with a wrong checksum is reported with both checksums, in eight digits', () => {
  const value = sealed(new Uint8Array(entryOverheadBytes));
  const right = Buffer.from(value.subarray(0, 4)).toString('hex');
  value.set([0, 0, 0, 42]);
  expect(() => decodeEntryValue(key, value)).toThrow(
    `the value carries checksum 0000002a, but its bytes have ${right}`,
  );
});
