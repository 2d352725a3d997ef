import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeEnvelope,
  encodeEnvelope,
  envelopeOverheadMax,
  nextRequestNumber,
  requestsPerIncarnation,
  type Envelope,
} from '../src/proposals/envelope.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const payload = new Uint8Array([0xab, 0xcd]);

/** Bytes that existing logs contain: lines are only ever added. */
const golden: readonly [Envelope, string][] = [
  [{ kind: 1, proposedAtMs: 0, payload: new Uint8Array(0) }, '010100000000000000000000'],
  [{ kind: 1, proposedAtMs: 1_704_067_200_000, payload }, '010100000000018cc251f400abcd'],
  [
    {
      kind: 1,
      proposedAtMs: 1,
      session: { sessionId: 7, sequence: 2 ** 53 - 1, lowestUnanswered: 3 },
      payload,
    },
    '0101010000000000000000010000000000000007001fffffffffffff0000000000000003abcd',
  ],
  [
    { kind: 1, proposedAtMs: 1, request: { nodeId: 2n ** 64n - 3n, number: 9 }, payload },
    '010102000000000000000001fffffffffffffffd0000000000000009abcd',
  ],
  [{ kind: 2, proposedAtMs: 1, payload: new Uint8Array(0) }, '010200000000000000000001'],
];

describe('the envelope of a proposal', () => {
  it.each(golden)('%o has these bytes, and is read from them', (envelope, bytes) => {
    expect(hex(encodeEnvelope(envelope))).toBe(bytes);
    expect(decodeEnvelope(Buffer.from(bytes, 'hex'), 1)).toMatchObject({
      ...envelope,
      payload: Buffer.from(envelope.payload),
    });
  });

  it('comes back as it was, with at most the overhead that is announced', () => {
    const integer = fc.maxSafeNat();
    const envelopes = fc.record({
      kind: fc.constantFrom(1, 2, 3),
      proposedAtMs: integer,
      session: fc.option(
        fc.record({ sessionId: integer, sequence: integer, lowestUnanswered: integer }),
        { nil: undefined },
      ),
      request: fc.option(
        fc.record({ nodeId: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), number: integer }),
        { nil: undefined },
      ),
      payload: fc.uint8Array({ maxLength: 100 }),
    });
    fc.assert(
      fc.property(envelopes, (envelope) => {
        const bytes = encodeEnvelope(envelope);
        expect(bytes.length).toBeLessThanOrEqual(envelope.payload.length + envelopeOverheadMax);
        expect(decodeEnvelope(bytes, 1)).toEqual(envelope);
      }),
    );
  });

  it('any other bytes are an error with a code, never another envelope', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        let envelope: Envelope;
        try {
          envelope = decodeEnvelope(bytes, 5);
        } catch (error) {
          expect(error).toMatchObject({ code: 'RAFT_STATE_UNREADABLE' });
          return;
        }
        expect(hex(encodeEnvelope(envelope))).toBe(hex(bytes));
      }),
    );
    for (const bad of [
      '',
      '02',
      '0104000000000000',
      '010104000000000000000000',
      '0101000100000000',
    ]) {
      const decode = (): unknown => decodeEnvelope(Buffer.from(bad, 'hex'), 5);
      expect(decode, bad).toThrow(expect.objectContaining({ code: 'RAFT_STATE_UNREADABLE' }));
    }
  });
});

describe('the number of a forwarded proposal', () => {
  const incarnationOf = (number: number): number => Math.floor(number / requestsPerIncarnation);

  it('is the next one of its incarnation, and that of a new incarnation where all of those are used', () => {
    const first = 7 * requestsPerIncarnation;
    expect(nextRequestNumber(first)).toBe(first + 1);
    const last = first + requestsPerIncarnation - 1;
    expect(nextRequestNumber(last - 1)).toBe(last);
    expect([incarnationOf(last), incarnationOf(nextRequestNumber(last))]).toEqual([7, 8]);
    expect(nextRequestNumber(last) % requestsPerIncarnation).toBe(0);
  });

  it('is an integer that an envelope can hold also behind the largest one', () => {
    const largest = 2 ** 53 - 1;
    expect(incarnationOf(largest)).toBe(2 ** 32 - 1);
    expect([nextRequestNumber(largest - 1), nextRequestNumber(largest)]).toEqual([largest, 0]);
  });
});
