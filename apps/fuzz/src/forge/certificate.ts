/**
 * Makes certificates with forged alternative names. They carry no valid signature, because they are
 * only parsed.
 */
import { generateKeyPairSync } from 'node:crypto';
import { joined } from './mutate-bytes.ts';

/** One alternative name: the tag of its type, and its bytes, whatever they are. */
export interface ForgedName {
  readonly tag: number;
  readonly value: Uint8Array;
}

export const nameTags = { mail: 0x81, dns: 0x82, uri: 0x86, ip: 0x87 } as const;
const tags: readonly number[] = Object.values(nameTags);

/** The common name of each of them, which must never count. */
export const commonName = 'common.example';

/** Names as an input: of each name a byte for its type, two bytes for its length, and its bytes. */
export function namesOf(input: Uint8Array): ForgedName[] {
  const names: ForgedName[] = [];
  for (let at = 0; at + 3 <= input.length;) {
    const [type = 0, high = 0, low = 0] = input.subarray(at, at + 3);
    const begin = at + 3;
    at = begin + high * 256 + low;
    names.push({ tag: tags[type % tags.length] ?? nameTags.uri, value: input.subarray(begin, at) });
  }
  return names;
}

export function inputOf(names: readonly ForgedName[]): Uint8Array {
  return joined(
    ...names.flatMap(({ tag, value }) => [
      Uint8Array.of(tags.indexOf(tag), value.length >> 8, value.length & 255),
      value,
    ]),
  );
}

const [sequence, set, integer, bitString, octetString] = [0x30, 0x31, 0x02, 0x03, 0x04];
const [objectId, text, time, version, extensions] = [0x06, 0x0c, 0x17, 0xa0, 0xa3];
const ed25519 = part(sequence, part(objectId, Uint8Array.of(0x2b, 0x65, 0x70)));
const idOfCommonName = part(objectId, Uint8Array.of(0x55, 0x04, 0x03));
const idOfAlternativeNames = part(objectId, Uint8Array.of(0x55, 0x1d, 0x11));
const publicKey = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' });

const subject = part(
  sequence,
  part(set, part(sequence, idOfCommonName, part(text, Buffer.from(commonName)))),
);
const validity = part(
  sequence,
  ...['200101000000Z', '400101000000Z'].map((when) => part(time, Buffer.from(when))),
);

/** The certificate in DER. */
export function certificateWith(names: readonly ForgedName[]): Buffer {
  const all = part(sequence, ...names.map(({ tag, value }) => part(tag, value)));
  const extension = part(sequence, idOfAlternativeNames, part(octetString, all));
  const signed = part(
    sequence,
    part(version, part(integer, Uint8Array.of(2))),
    part(integer, Uint8Array.of(1)),
    ed25519,
    subject,
    validity,
    subject,
    publicKey,
    part(extensions, part(sequence, extension)),
  );
  return Buffer.from(part(sequence, signed, ed25519, part(bitString, new Uint8Array(65))));
}

/** One value of DER with its tag and length. */
function part(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const bytes = joined(...content);
  const length =
    bytes.length < 128
      ? Uint8Array.of(bytes.length)
      : Uint8Array.of(0x82, bytes.length >> 8, bytes.length & 255);
  return joined(Uint8Array.of(tag), length, bytes);
}
