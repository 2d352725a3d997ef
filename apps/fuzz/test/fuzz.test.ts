/** The fuzzer itself: the same inputs for a seed, and errors of decoders that it finds. */
import { SeededRandom } from '@babuza/testkit';
import { expect, it } from 'vitest';
import type { Decoder, Target } from '../src/decoder.ts';
import { forge } from '../src/forge/mutate.ts';
import { Fuzzer, type FuzzReport } from '../src/fuzz.ts';
import { roundTrip } from '../src/round-trip.ts';
import { sameValue } from '../src/same-value.ts';

class RefusedError extends Error {
  override readonly name = 'RefusedError';
}

/** A length, and so many bytes. Each error of it is one that a decoder of ours could have. */
function decoderWith(decode: (bytes: Uint8Array) => unknown): Target {
  const decoder: Decoder = {
    name: 'test/decode',
    form: 'bytes',
    samples: [Uint8Array.of(3, 1, 2, 3)],
    run: roundTrip({ decode, documented: ['RefusedError'] }),
    allocatedBytesMax: 1024 * 1024,
  };
  return { name: 'test', description: 'a decoder of this test', decoders: [decoder] };
}

async function fuzz(decode: (bytes: Uint8Array) => unknown, runsMax = 3000): Promise<FuzzReport> {
  let runs = 0;
  const isOver = (): boolean => runs > runsMax;
  const fuzzer = new Fuzzer(decoderWith(decode), {
    seed: 1,
    isOver,
    onRun: () => void (runs += 1),
  });
  await fuzzer.run();
  return fuzzer.report;
}

function checked(bytes: Uint8Array): Uint8Array {
  const [length = 0] = bytes;
  if (length !== bytes.length - 1) throw new RefusedError(`${length} bytes are announced`);
  return bytes.subarray(1);
}

it('finds nothing in a decoder that checks what it reads', async () => {
  const report = await fuzz(checked);
  expect(report.failures).toEqual([]);
  expect(report.features).toBeGreaterThan(2);
});

it('finds an error that is not documented, and makes its input small', async () => {
  const { failures } = await fuzz((bytes) => {
    if (bytes[0] === undefined) throw new TypeError('there is nothing');
    return checked(bytes);
  });
  expect(failures.map(({ problem }) => problem.split('\n')[0])).toEqual([
    'TypeError: there is nothing',
  ]);
  expect(failures[0]?.input).toHaveLength(0);
});

it('finds memory that an announced length takes', async () => {
  const { failures } = await fuzz((bytes) => new Uint8Array((bytes[0] ?? 0) * 64 * 1024), 40);
  expect(failures[0]?.problem).toContain('it allocates');
});

it('finds a decoder that changes its input, or reads beside it', async () => {
  const changing = await fuzz((bytes) => bytes.fill(0));
  expect(changing.failures[0]?.problem).toContain('it has changed its input');
  const beside = await fuzz((bytes) => {
    const view = new DataView(bytes.buffer);
    if (view.getUint8(0) === 0xa5) throw new RangeError('this is no byte of the input');
    return bytes;
  });
  expect(beside.failures).toHaveLength(1);
});

it('forges the same inputs for the same seed', () => {
  const [decoder] = decoderWith(checked).decoders;
  const inputs = (seed: number): string[] => {
    const random = new SeededRandom(seed);
    return Array.from({ length: 200 }, () =>
      Buffer.from(decoder === undefined ? [] : forge(decoder, decoder.samples, random)).toString(
        'hex',
      ),
    );
  };
  expect(inputs(5)).toEqual(inputs(5));
  expect(inputs(5)).not.toEqual(inputs(6));
});

it('compares values as their users do', () => {
  expect(sameValue({ a: -0, b: undefined }, { a: 0 })).toBe(true);
  expect(sameValue(new Map([[1n, [1]]]), new Map([[1n, [2]]]))).toBe(false);
  expect(sameValue(new Set([1n, 2n]), new Set([2n, 1n]))).toBe(true);
  expect(sameValue(new Set([1n, 2n]), new Set([1n, 3n]))).toBe(false);
  expect(sameValue(Uint8Array.of(1), Uint8Array.of(1, 2))).toBe(false);
  expect(sameValue({ a: 1 }, { a: '1' })).toBe(false);
});
