/** Compares records and their messages with another implementation of protobuf. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RaftpbDecodeError } from '@babuza/raftpb';
import {
  decodeEtcdEntry,
  decodeEtcdHardState,
  decodeEtcdMetadata,
  decodeEtcdSnapshot,
  encodeEtcdEntry,
  encodeEtcdHardState,
  encodeEtcdMetadata,
  encodeEtcdSnapshot,
  type EtcdEntry,
  type EtcdSnapshot,
} from '../src/format/messages.ts';
import { newRecord, parseRecord, recordHeadBytes, writeRecordHead } from '../src/format/record.ts';
import { varint } from './support/byte-strings.ts';
import { referenceDecode, referenceEncode, type MessageName } from './support/reference.ts';

const edges = [7n, 14n, 28n, 31n, 32n, 35n, 53n, 63n].flatMap((bits) => [
  (1n << bits) - 1n,
  1n << bits,
]);
const number64: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.bigInt({ min: 0n, max: 7n }),
  fc.constantFrom(2n ** 64n - 1n, ...edges),
);
const payload = fc.uint8Array({ maxLength: 200 });

/** Fields in any order, repeated, and unknown ones. */
function messageOf(known: readonly fc.Arbitrary<Uint8Array>[]): fc.Arbitrary<Uint8Array> {
  const unknown = fc.oneof(
    fc
      .tuple(fc.integer({ min: 6, max: 100_000 }), number64)
      .map(([field, value]) => numberField(field, value)),
    fc
      .tuple(fc.integer({ min: 6, max: 1000 }), payload)
      .map(([field, bytes]) => bytesField(field, bytes)),
    fc.integer({ min: 6, max: 15 }).map((field) => Uint8Array.of((field << 3) | 5, 1, 2, 3, 4)),
    fc
      .integer({ min: 6, max: 15 })
      .map((field) => Uint8Array.of((field << 3) | 1, 1, 2, 3, 4, 5, 6, 7, 8)),
  );
  return fc
    .array(fc.oneof(...known, ...known, unknown), { maxLength: 8 })
    .map((parts) => new Uint8Array(Buffer.concat(parts)));
}

function numberField(field: number, value: bigint): Uint8Array {
  return Buffer.concat([varint(BigInt(field << 3)), varint(value)]);
}

function bytesField(field: number, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([varint(BigInt((field << 3) | 2)), varint(BigInt(bytes.length)), bytes]);
}

const number = (field: number): fc.Arbitrary<Uint8Array> =>
  number64.map((value) => numberField(field, value));
const bytes = (field: number): fc.Arbitrary<Uint8Array> =>
  payload.map((value) => bytesField(field, value));

interface PlainRecord {
  readonly type: number;
  readonly crc: number;
  readonly data: Uint8Array | undefined;
}

/** Parses the record in the middle of other bytes. */
function parse(record: Uint8Array): PlainRecord | undefined {
  const around = Buffer.concat([Buffer.of(0x1a, 0xff), record, Buffer.of(0x1a, 0xff)]);
  const found = newRecord();
  if (!parseRecord(around, 2, 2 + record.length, found)) return undefined;
  const { type, crc, hasData, dataStart, dataEnd } = found;
  return {
    type,
    crc,
    data: hasData ? Buffer.from(around.subarray(dataStart, dataEnd)) : undefined,
  };
}

function referenceRecord(record: Uint8Array): PlainRecord {
  const { type = 0n, crc = 0, data } = referenceDecode('Record', record);
  return {
    type: Number(type),
    crc: Number(crc),
    data: data instanceof Uint8Array ? Buffer.from(data) : undefined,
  };
}

describe('records', () => {
  const anyRecord = fc.tuple(
    fc.integer({ min: 0, max: 300 }),
    fc.nat(0xffff_ffff),
    fc.option(payload, { nil: undefined }),
  );

  it('are written as the other library writes them, and read back', () => {
    fc.assert(
      fc.property(anyRecord, ([type, crc, data]) => {
        const head = new Uint8Array(recordHeadBytes(type, crc, data?.length));
        expect(writeRecordHead(head, 0, type, crc, data?.length)).toBe(head.length);
        const record = Buffer.concat([head, data ?? new Uint8Array(0)]);
        expect(record).toEqual(
          Buffer.from(referenceEncode('Record', { type: BigInt(type), crc, data })),
        );
        expect(parse(record)).toEqual({
          type,
          crc,
          data: data === undefined ? undefined : Buffer.from(data),
        });
      }),
    );
  });

  it('with any fields are read as the other library reads them', () => {
    fc.assert(
      fc.property(messageOf([number(1), number(2), bytes(3)]), (record) => {
        expect(parse(record)).toEqual(referenceRecord(record));
      }),
      { numRuns: 1000 },
    );
  });

  it('with damage are refused, or read as the other library reads them', () => {
    let accepted = 0;
    const damagedRecord = fc.tuple(anyRecord, fc.nat(), fc.nat(255), fc.nat(8));
    fc.assert(
      fc.property(damagedRecord, ([[type, crc, data], at, byte, cut]) => {
        const fields = { type: BigInt(type), crc, data };
        const whole = referenceEncode('Record', fields);
        const record = whole.slice(0, Math.max(1, whole.length - cut));
        record[at % record.length] = byte;
        const ours = parse(record);
        if (ours === undefined) return;
        accepted += 1;
        expect(ours).toEqual(referenceRecord(record));
      }),
      { numRuns: 2000 },
    );
    expect(accepted).toBeGreaterThan(200);
  });

  it('keep absent and empty data apart', () => {
    expect(parse(Buffer.from('08011000', 'hex'))).toEqual({ type: 1, crc: 0, data: undefined });
    expect(parse(Buffer.from('080110001a00', 'hex'))?.data).toEqual(Buffer.alloc(0));
    expect(parse(new Uint8Array(0))).toEqual({ type: 0, crc: 0, data: undefined });
  });

  it('have a type of 64 bits: a number above 2^32 is not a known type', () => {
    expect(parse(numberField(1, 2n ** 32n + 2n))?.type).toBe(2 ** 32 + 2);
    expect(parse(numberField(1, 2n ** 64n - 1n))?.type).toBe(-1);
  });

  it.each(['0f0f0f', '0802', '08', '0a0101', '120101', '1805', '00', '1a05aabb', '80'])(
    'that are not valid: %s',
    (hex) => {
      const expected = hex === '0802' ? { type: 2, crc: 0, data: undefined } : undefined;
      expect(parse(Buffer.from(hex, 'hex'))).toEqual(expected);
    },
  );
});

describe('messages', () => {
  const decoders = {
    Entry: decodeEtcdEntry,
    HardState: decodeEtcdHardState,
    Snapshot: decodeEtcdSnapshot,
    Metadata: decodeEtcdMetadata,
  };
  /** The values of absent fields. */
  const defaults = {
    Entry: { type: 0, term: 0n, index: 0n },
    HardState: { term: 0n, vote: 0n, commit: 0n },
    Snapshot: { index: 0n, term: 0n },
    Metadata: { nodeId: 0n, clusterId: 0n },
  };
  const confState = messageOf([number(1), number(2), number(3), number(4), numberField5()]);

  function numberField5(): fc.Arbitrary<Uint8Array> {
    return fc.constantFrom(0n, 1n, 2n).map((value) => numberField(5, value));
  }

  const messages: readonly (readonly [Exclude<MessageName, 'Record'>, fc.Arbitrary<Uint8Array>])[] =
    [
      ['Entry', messageOf([number(1), number(2), number(3), bytes(4)])],
      ['HardState', messageOf([number(1), number(2), number(3)])],
      [
        'Snapshot',
        messageOf([number(1), number(2), confState.map((inner) => bytesField(3, inner))]),
      ],
      ['Metadata', messageOf([number(1), number(2)])],
    ];

  it.each(messages)('%s with any fields is read as the other library reads it', (name, message) => {
    fc.assert(
      fc.property(message, (encoded) => {
        const theirs = { ...defaults[name], ...referenceDecode(name, encoded) };
        expect(decoders[name](encoded)).toEqual(theirs);
      }),
      { numRuns: 500 },
    );
  });

  it.each(messages)('%s with damage is refused with an error of its own', (name, message) => {
    let refused = 0;
    fc.assert(
      fc.property(message, fc.nat(), fc.nat(255), (encoded, at, byte) => {
        const damaged = Uint8Array.from(encoded);
        if (damaged.length > 0) damaged[at % damaged.length] = byte;
        try {
          decoders[name](damaged);
        } catch (error) {
          if (!(error instanceof RaftpbDecodeError)) throw error;
          refused += 1;
          return;
        }
        const theirs = { ...defaults[name], ...referenceDecode(name, damaged) };
        expect(decoders[name](damaged)).toEqual(theirs);
      }),
      { numRuns: 500 },
    );
    expect(refused).toBeGreaterThan(20);
  });

  const ids = fc.array(number64, { maxLength: 4 });
  const anyEntry: fc.Arbitrary<EtcdEntry> = fc.record(
    { type: fc.nat(5), term: number64, index: number64, data: payload },
    { requiredKeys: ['type', 'term', 'index'], noNullPrototype: true },
  );
  const anySnapshot: fc.Arbitrary<EtcdSnapshot> = fc.record(
    {
      index: number64,
      term: number64,
      confState: fc.record(
        {
          voters: ids,
          learners: ids,
          votersOutgoing: ids,
          learnersNext: ids,
          autoLeave: fc.boolean(),
        },
        { noNullPrototype: true },
      ),
    },
    { requiredKeys: ['index', 'term'], noNullPrototype: true },
  );

  it('are written with every number, zeros too, and read back', () => {
    fc.assert(
      fc.property(anyEntry, anySnapshot, number64, (entry, snapshot, id) => {
        const encoded = encodeEtcdEntry(entry);
        expect(encoded).toEqual(referenceEncode('Entry', { ...entry }));
        expect(decodeEtcdEntry(encoded)).toEqual(entry);

        const marker = encodeEtcdSnapshot(snapshot);
        expect(marker).toEqual(referenceEncode('Snapshot', { ...snapshot }));
        expect(decodeEtcdSnapshot(marker)).toEqual(snapshot);

        const hardState = { term: entry.term, vote: id, commit: snapshot.index };
        expect(encodeEtcdHardState(hardState)).toEqual(referenceEncode('HardState', hardState));
        expect(decodeEtcdHardState(encodeEtcdHardState(hardState))).toEqual(hardState);

        const metadata = { nodeId: id, clusterId: entry.index };
        expect(encodeEtcdMetadata(metadata)).toEqual(referenceEncode('Metadata', metadata));
        expect(decodeEtcdMetadata(encodeEtcdMetadata(metadata))).toEqual(metadata);
      }),
    );
  });

  it('in the form of etcd 3.7 omit the type of normal entries only', () => {
    const entry = { type: 0, term: 0n, index: 1n, data: Uint8Array.of(7) };
    expect(Buffer.from(encodeEtcdEntry(entry)).toString('hex')).toBe('080010001801220107');
    expect(Buffer.from(encodeEtcdEntry(entry, true)).toString('hex')).toBe('10001801220107');
    expect(decodeEtcdEntry(encodeEtcdEntry(entry, true))).toEqual(entry);
    const change = { ...entry, type: 1 };
    expect(encodeEtcdEntry(change, true)).toEqual(encodeEtcdEntry(change));
  });
});
