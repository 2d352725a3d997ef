/**
 * Property tests: this codec writes the same bytes as an independent library, and each reads the
 * bytes of the other.
 */

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeEntry, decodeEntry, entryEncodedSize, type Entry } from '../src/index.ts';
import * as arbitraries from './arbitraries.ts';
import { forEveryMessage } from './every-message.ts';
import { bytes, concat, unknownFields } from './wire.ts';
import { fieldsOfEntry, referenceDecode, referenceEncode } from './reference.ts';

describe('against @bufbuild/protobuf', () => {
  forEveryMessage((message) => {
    const { name, arbitrary, encode, decode, fields, size } = message;

    it(`${name}: writes the same bytes, and says how many`, () => {
      fc.assert(
        fc.property(arbitrary, (value) => {
          const ours = encode(value);
          expect(ours).toStrictEqual(referenceEncode(name, fields(value)));
          expect(size(value)).toBe(ours.length);
        }),
      );
    });

    it(`${name}: the other library reads ours, we read its`, () => {
      fc.assert(
        fc.property(arbitrary, (value) => {
          expect(referenceDecode(name, encode(value))).toStrictEqual(fields(value));
          expect(decode(referenceEncode(name, fields(value)))).toStrictEqual(value);
        }),
      );
    });

    it(`${name}: two messages in a row are merged as the other library merges them`, () => {
      fc.assert(
        fc.property(arbitrary, arbitrary, (first, second) => {
          const both = concat(encode(first), encode(second));
          expect(settled(name, fields(decode(both)))).toStrictEqual(
            settled(name, referenceDecode(name, both)),
          );
        }),
      );
    });

    it(`${name}: unknown fields in front, behind and between change nothing`, () => {
      fc.assert(
        fc.property(arbitrary, unknownFields, unknownFields, (value, before, after) => {
          const encoded = concat(before, encode(value), after);
          expect(decode(encoded)).toStrictEqual(value);
          expect(referenceDecode(name, encoded)).toMatchObject(fields(value));
        }),
      );
    });

    it(`${name}: is written into the middle of a target, and nowhere else`, () => {
      fc.assert(
        fc.property(arbitrary, fc.nat(20), (value, offset) => {
          const expected = encode(value);
          const target = new Uint8Array(offset + expected.length + 5).fill(0xee);
          const end = message.encodeInto(value, target, offset);
          expect(end).toBe(offset + expected.length);
          expect(target.subarray(offset, end)).toStrictEqual(expected);
          expect(target.subarray(0, offset).every((byte) => byte === 0xee)).toBe(true);
          expect(target.subarray(end)).toStrictEqual(bytes('ee ee ee ee ee'));
        }),
      );
    });
  });

  it('Entry in the form of etcd up to 3.6 has the type of a normal entry, too', () => {
    fc.assert(
      fc.property(arbitraries.entry, (entry: Entry) => {
        const ours = encodeEntry(entry, 'all');
        const expected = referenceEncode('Entry', { ...fieldsOfEntry(entry), Type: entry.type });
        expect(ours).toStrictEqual(expected);
        expect(entryEncodedSize(entry, 'all')).toBe(ours.length);
        expect(decodeEntry(ours)).toStrictEqual(entry);
      }),
    );
  });
});

/** A merge may keep a type that the second entry leaves absent, or set one to 0: the same to us. */
function settled(name: string, fields: object): object {
  return name === 'Entry' ? { Type: 0, ...fields } : fields;
}
