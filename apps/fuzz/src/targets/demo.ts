/** Decoders of the demo: entries, requests of clients, and snapshots. */
import type { Decoder, Target } from '../decoder.ts';
import { demoCodec, demoFraming } from '../internals.ts';
import { roundTrip } from '../round-trip.ts';
import { bytesOf } from './samples.ts';

const documented = ['KEY_VALUE_MALFORMED'];

const commands: Decoder = {
  name: 'demo/decodeCommand',
  covers: ['demo/decodeKey'],
  form: 'bytes',
  samples: [
    demoCodec.encodeCommand({ kind: 'put', key: 'kéy', value: bytesOf('value') }),
    demoCodec.encodeCommand({ kind: 'delete', key: 'k' }),
    demoCodec.encodeCommand({
      kind: 'compare-and-set',
      key: 'key',
      expected: bytesOf('old'),
      value: bytesOf('new'),
    }),
    demoCodec.encodeCommand({
      kind: 'compare-and-set',
      key: 'key',
      expected: undefined,
      value: bytesOf(''),
    }),
  ],
  run: roundTrip({
    decode: demoCodec.decodeCommand,
    encode: demoCodec.encodeCommand,
    documented,
    isCanonical: true,
  }),
};

const results: Decoder = {
  name: 'demo/decodeResult',
  form: 'bytes',
  samples: [
    demoCodec.encodeResult({ kind: 'put', existed: true }),
    demoCodec.encodeResult({ kind: 'compare-and-set', swapped: false }),
    demoCodec.encodeResult({ kind: 'malformed' }),
  ],
  run: roundTrip({
    decode: demoCodec.decodeResult,
    encode: demoCodec.encodeResult,
    documented,
  }),
};

const framing: Decoder = {
  name: 'demo/decodeChunk',
  form: 'bytes',
  samples: [
    demoFraming.encodeChunk({ path: 'a/ü', chunk: 1, chunks: 3, content: bytesOf('content') }),
    demoFraming.encodeChunk({ path: '', chunk: 0, chunks: 1, content: bytesOf('') }),
  ],
  run: roundTrip({
    decode: demoFraming.decodeChunk,
    encode: demoFraming.encodeChunk,
    documented: ['FramingError'],
  }),
};

export const demo: Target = {
  name: 'demo',
  description: 'commands, answers and chunks of documents of the demo',
  decoders: [commands, results, framing],
};
