/** Keys and values of a log in an ordered store. */
import { crc32 } from 'node:zlib';
import { Finding, type Decoder, type Target } from '../decoder.ts';
import { joined } from '../forge/mutate-bytes.ts';
import { levelKeys, levelValues } from '../internals.ts';
import { roundTrip } from '../round-trip.ts';
import { bytesOf } from './samples.ts';

const keys = new levelKeys.GroupKeys(5n);
const documented = ['DamagedValueError', 'ForeignHeaderError'];
const checksumBytes = 4;

/** Values carry a checksum over their key and the rest of them. */
function value<Value>(
  name: string,
  key: Uint8Array,
  decode: (key: Uint8Array, value: Uint8Array) => Value,
  samples: readonly Uint8Array[],
  encode?: (value: Value) => Uint8Array,
): Decoder {
  return {
    name: `wal-level/${name}`,
    form: 'bytes',
    samples,
    seal: (input) => {
      if (input.length < checksumBytes) return input;
      const sealed = Uint8Array.from(input);
      const checksum = crc32(sealed.subarray(checksumBytes), crc32(key));
      new DataView(sealed.buffer).setUint32(0, checksum);
      return sealed;
    },
    run: roundTrip({ decode: (bytes) => decode(key, bytes), encode, documented }),
  };
}

const marker = {
  index: 9,
  term: 2,
  confState: {
    voters: [1n, 2n ** 64n - 1n],
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  },
};

const state = {
  startIndex: 1,
  startTerm: 1,
  lastIndex: 2 ** 53 - 1,
  termsDigest: 2 ** 32 - 1,
  markersDigest: 0,
  hardState: { term: 3, vote: 2n ** 64n - 1n, commit: 4 },
};

/** The value of an entry: index, term, flags, payload. */
function entryValue(flags: number, payload: Uint8Array): Uint8Array {
  const head = new Uint8Array(levelValues.entryOverheadBytes);
  const view = new DataView(head.buffer);
  view.setBigUint64(4, 12n);
  view.setBigUint64(12, 3n);
  view.setUint8(20, flags);
  const bytes = joined(head, payload);
  new DataView(bytes.buffer).setUint32(0, crc32(bytes.subarray(4), crc32(keys.entry(12))));
  return bytes;
}

const key: Decoder = {
  name: 'wal-level/parseKey',
  form: 'bytes',
  samples: [keys.header, keys.identity, keys.state, keys.marker(9), keys.entry(2 ** 53 - 1)],
  run: (input) => {
    const parsed = levelKeys.parseKey(input);
    levelKeys.describeKey(input);
    if (parsed !== undefined && !(Number.isSafeInteger(parsed.index) && parsed.index >= 0)) {
      throw new Finding(`a key has the index ${parsed.index}`);
    }
    return { kind: 'value', value: parsed };
  },
};

const metadata = { clusterId: 2n ** 64n - 1n, nodeId: 1n, entryBytesMax: 1024 };

export const level: Target = {
  name: 'level',
  description: 'keys and values of a log in an ordered store',
  decoders: [
    key,
    value(
      'decodeHeader',
      keys.header,
      // The metadata is compared only: a header is written again in the newest version.
      (headerKey, bytes) => levelValues.decodeHeader(headerKey, bytes).metadata,
      [
        levelValues.encodeHeader(keys.header, metadata),
        levelValues.encodeHeader(keys.header, {
          ...metadata,
          extra: bytesOf('extra'),
          identity: bytesOf('identity'),
        }),
      ],
      (decoded) => levelValues.encodeHeader(keys.header, decoded),
    ),
    value('decodeIdentity', keys.identity, levelValues.decodeIdentity, [
      levelValues.encodeIdentity(keys.identity, bytesOf('identity')),
    ]),
    value(
      'decodeState',
      keys.state,
      levelValues.decodeState,
      [
        levelValues.encodeState(keys.state, { ...state, batch: undefined }),
        levelValues.encodeState(keys.state, { ...state, batch: 7 }),
      ],
      (decoded) => levelValues.encodeState(keys.state, decoded),
    ),
    value(
      'decodeMarker',
      keys.marker(9),
      levelValues.decodeMarker,
      [levelValues.encodeMarker(keys.marker(9), marker)],
      (decoded) => levelValues.encodeMarker(keys.marker(9), decoded),
    ),
    value(
      'decodeTermRun',
      keys.termRun(9),
      levelValues.decodeTermRun,
      [levelValues.encodeTermRun(keys.termRun(9), 2 ** 53 - 1)],
      (decoded) => levelValues.encodeTermRun(keys.termRun(9), decoded),
    ),
    value('decodeEntryValue', keys.entry(12), levelValues.decodeEntryValue, [
      entryValue(levelValues.entryHasData, bytesOf('payload')),
      entryValue(1, new Uint8Array(0)),
    ]),
  ],
};
