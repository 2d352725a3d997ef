/**
 * Golden bytes, which are added and never changed. Those marked "etcd" were written by etcd's own
 * code (3.4, or main after 3.7) into the named write-ahead log. Those marked "fixture" are read by
 * every etcd.
 */

import { describe, expect, it } from 'vitest';
import {
  decodeConfChange,
  decodeConfChangeV2,
  decodeConfState,
  decodeEntry,
  decodeHardState,
  decodeMessage,
  decodeSnapshot,
  decodeSnapshotMetadata,
  emptyConfState,
  emptyHardState,
  encodeConfChange,
  encodeConfChangeV2,
  encodeConfState,
  encodeEntry,
  encodeHardState,
  encodeMessage,
  encodeSnapshot,
  encodeSnapshotMetadata,
  entryEncodedSize,
  leaveJointChange,
  newMessage,
  type ConfChange,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  type EntryForm,
  type HardState,
  type Message,
} from '../src/index.ts';
import { bytes } from './wire.ts';

const empty = new Uint8Array(0);
const etcdMemberId = 0x91bc_3c39_8fb3_c146n;

const entries: readonly [string, EntryForm, string, Entry][] = [
  ['etcd 3.4, etcd-metadata', 'all', '08 00 10 02 18 02', { type: 0, term: 2, index: 2 }],
  [
    'etcd 3.4, base-small-tail: empty data',
    'all',
    '08 00 10 01 18 05 22 00',
    { type: 0, term: 1, index: 5, data: empty },
  ],
  [
    'etcd 3.4, base-small-tail: data',
    'all',
    '08 00 10 01 18 08 22 08 ab 16 f5 bc 8f a7 4c 41',
    { type: 0, term: 1, index: 8, data: bytes('ab 16 f5 bc 8f a7 4c 41') },
  ],
  [
    'etcd 3.4, conf-changes',
    'all',
    '08 01 10 01 18 01 22 06 08 64 10 00 18 01',
    { type: 1, term: 1, index: 1, data: bytes('08 64 10 00 18 01') },
  ],
  [
    'etcd main, main-multi-segment: data',
    'newest',
    '10 01 18 03 22 05 14 fb 4c 16 17',
    { type: 0, term: 1, index: 3, data: bytes('14 fb 4c 16 17') },
  ],
  [
    'etcd main, main-multi-segment: empty data',
    'newest',
    '10 01 18 04 22 00',
    { type: 0, term: 1, index: 4, data: empty },
  ],
  ['no data', 'newest', '10 01 18 01', { type: 0, term: 1, index: 1 }],
  ['zeros are written', 'newest', '10 00 18 00', { type: 0, term: 0, index: 0 }],
  ['a type that is not normal', 'newest', '08 02 10 05 18 ac 02', { type: 2, term: 5, index: 300 }],
  [
    'the largest numbers',
    'newest',
    '10 ff ff ff ff ff ff ff 0f 18 ff ff ff ff ff ff ff 0f',
    { type: 0, term: Number.MAX_SAFE_INTEGER, index: Number.MAX_SAFE_INTEGER },
  ],
];

const hardStates: readonly [string, string, HardState][] = [
  ['etcd 3.4, hard-states-only: zeros', '08 01 10 00 18 00', { term: 1, vote: 0n, commit: 0 }],
  [
    'etcd 3.4, hard-states-only: all 64 bits of an id',
    '08 01 10 ff ff ff ff ff ff ff ff ff 01 18 00',
    { term: 1, vote: 0xffff_ffff_ffff_ffffn, commit: 0 },
  ],
  [
    'etcd 3.4, etcd-metadata: an id that no double holds',
    '08 02 10 c6 82 cf fd 98 87 8f de 91 01 18 02',
    { term: 2, vote: etcdMemberId, commit: 2 },
  ],
  ['etcd 3.4, base-small-tail', '08 01 10 01 18 20', { term: 1, vote: 1n, commit: 32 }],
  ['nothing seen', '08 00 10 00 18 00', emptyHardState],
];

const confStates: readonly [string, string, ConfState][] = [
  [
    'fixture base-small-tail',
    '08 01 08 02 08 03 28 00',
    { ...emptyConfState, voters: [1n, 2n, 3n] },
  ],
  [
    'fixture large-numbers',
    '08 c6 82 cf fd 98 87 8f de 91 01 28 00',
    { ...emptyConfState, voters: [etcdMemberId] },
  ],
  ['no members', '28 00', emptyConfState],
  [
    'every field, in joint consensus',
    '08 02 08 01 10 04 18 01 18 05 20 05 28 01',
    {
      voters: [2n, 1n],
      learners: [4n],
      votersOutgoing: [1n, 5n],
      learnersNext: [5n],
      autoLeave: true,
    },
  ],
];

const messages: readonly [string, string, Message][] = [
  ['nothing but its type', '08 00', newMessage({ type: 0 })],
  [
    'an append',
    '08 03 10 02 18 01 20 05 28 04 30 07 3a 07 10 05 18 08 22 01 61 3a 04 10 05 18 09 40 06',
    newMessage({
      type: 3,
      to: 2n,
      from: 1n,
      term: 5,
      logTerm: 4,
      index: 7,
      entries: [
        { type: 0, term: 5, index: 8, data: bytes('61') },
        { type: 0, term: 5, index: 9 },
      ],
      commit: 6,
    }),
  ],
  [
    'a rejection',
    '08 04 10 01 18 c6 82 cf fd 98 87 8f de 91 01 20 05 28 03 30 07 50 01 58 06',
    newMessage({
      type: 4,
      to: 1n,
      from: etcdMemberId,
      term: 5,
      logTerm: 3,
      index: 7,
      reject: true,
      rejectHint: 6,
    }),
  ],
  [
    'a snapshot',
    '08 07 10 02 18 01 20 05 4a 0c 12 0a 0a 04 08 01 28 00 10 09 18 04',
    newMessage({
      type: 7,
      to: 2n,
      from: 1n,
      term: 5,
      snapshot: {
        metadata: { confState: { ...emptyConfState, voters: [1n] }, index: 9, term: 4 },
      },
    }),
  ],
  [
    'a heartbeat with context',
    '08 08 10 02 18 01 20 05 40 06 62 08 01 00 00 00 00 00 00 00',
    newMessage({
      type: 8,
      to: 2n,
      from: 1n,
      term: 5,
      commit: 6,
      context: bytes('01 00 00 00 00 00 00 00'),
    }),
  ],
  [
    'storage work with its responses',
    '08 13 10 ff ff ff ff ff ff ff ff ff 01 18 01 20 05 68 01 72 08 08 04 10 01 18 02 20 05',
    newMessage({
      type: 19,
      to: 0xffff_ffff_ffff_ffffn,
      from: 1n,
      term: 5,
      vote: 1n,
      responses: [newMessage({ type: 4, to: 1n, from: 2n, term: 5 })],
    }),
  ],
];

const confChanges: readonly [string, string, ConfChange][] = [
  ['etcd 3.4, conf-changes', '08 64 10 00 18 01', { id: 100n, type: 0, nodeId: 1n }],
  [
    'without id, with context',
    '10 01 18 03 22 01 61',
    {
      id: 0n,
      type: 1,
      nodeId: 3n,
      context: bytes('61'),
    },
  ],
];

const confChangesV2: readonly [string, string, ConfChangeV2][] = [
  ['leaving joint consensus', '', leaveJointChange],
  [
    'two operations, explicit, with context',
    '08 02 12 04 08 00 10 02 12 04 08 03 10 01 1a 01 61',
    {
      transition: 2,
      changes: [
        { type: 0, nodeId: 2n },
        { type: 3, nodeId: 1n },
      ],
      context: bytes('61'),
    },
  ],
];

describe('golden bytes', () => {
  it.each(messages)('Message: %s', (_what, hex, message) => {
    expect(encodeMessage(message)).toStrictEqual(bytes(hex));
    expect(decodeMessage(bytes(hex))).toStrictEqual(message);
  });

  it.each(confChanges)('ConfChange: %s', (_what, hex, change) => {
    expect(encodeConfChange(change)).toStrictEqual(bytes(hex));
    expect(decodeConfChange(bytes(hex))).toStrictEqual(change);
  });

  it.each(confChangesV2)('ConfChangeV2: %s', (_what, hex, change) => {
    expect(encodeConfChangeV2(change)).toStrictEqual(bytes(hex));
    expect(decodeConfChangeV2(bytes(hex))).toStrictEqual(change);
  });

  it.each(entries)('Entry: %s', (_what, form, hex, entry) => {
    expect(encodeEntry(entry, form)).toStrictEqual(bytes(hex));
    expect(entryEncodedSize(entry, form)).toBe(bytes(hex).length);
    expect(decodeEntry(bytes(hex))).toStrictEqual(entry);
  });

  it.each(hardStates)('HardState: %s', (_what, hex, state) => {
    expect(encodeHardState(state)).toStrictEqual(bytes(hex));
    expect(decodeHardState(bytes(hex))).toStrictEqual(state);
  });

  it.each(confStates)('ConfState: %s', (_what, hex, confState) => {
    expect(encodeConfState(confState)).toStrictEqual(bytes(hex));
    expect(decodeConfState(bytes(hex))).toStrictEqual(confState);
  });

  it('SnapshotMetadata and Snapshot', () => {
    const metadata = { confState: { ...emptyConfState, voters: [1n] }, index: 300, term: 7 };
    const metadataHex = '0a 04 08 01 28 00 10 ac 02 18 07';
    expect(encodeSnapshotMetadata(metadata)).toStrictEqual(bytes(metadataHex));
    expect(decodeSnapshotMetadata(bytes(metadataHex))).toStrictEqual(metadata);
    for (const [snapshot, hex] of [
      [{ metadata }, `12 0b ${metadataHex}`],
      [{ data: empty, metadata }, `0a 00 12 0b ${metadataHex}`],
      [{ data: bytes('68 69'), metadata }, `0a 02 68 69 12 0b ${metadataHex}`],
    ] as const) {
      expect(encodeSnapshot(snapshot)).toStrictEqual(bytes(hex));
      expect(decodeSnapshot(bytes(hex))).toStrictEqual(snapshot);
    }
  });
});

describe('what a reader must accept', () => {
  it.each([
    ['nothing at all', '', { type: 0, term: 0, index: 0 }],
    ['fixture absent-fields: no type', '10 01 18 01', { type: 0, term: 1, index: 1 }],
    [
      'fixture absent-fields: another order',
      '18 02 10 01 22 02 68 69',
      { type: 0, term: 1, index: 2, data: bytes('68 69') },
    ],
    [
      'fixture absent-fields: unknown fields',
      '08 00 10 01 18 03 22 05 68 65 6c 6c 6f 28 07 3a 01 61',
      { type: 0, term: 1, index: 3, data: bytes('68 65 6c 6c 6f') },
    ],
    [
      'the last of each',
      '08 01 10 01 22 01 61 10 02 08 00 22 00',
      { type: 0, term: 2, index: 0, data: empty },
    ],
    ['over-long numbers', '10 81 80 80 00 98 00 82 80 80 80 80 00', { type: 0, term: 1, index: 2 }],
    ['an unknown group', '3b 08 05 43 44 3c 10 01', { type: 0, term: 1, index: 0 }],
  ])('Entry: %s', (_what, hex, entry) => {
    expect(decodeEntry(bytes(hex))).toStrictEqual(entry);
  });

  it.each([
    ['fixture absent-fields: term only', '08 01', { term: 1, vote: 0n, commit: 0 }],
    ['fixture absent-fields: commit only', '18 01', { term: 0, vote: 0n, commit: 1 }],
  ])('HardState: %s', (_what, hex, state) => {
    expect(decodeHardState(bytes(hex))).toStrictEqual(state);
  });

  it('ConfState: packed numbers, unpacked ones, and both mixed', () => {
    const hex = '08 01 0a 03 02 ac 02 08 04 12 00 1a 01 05 22 01 06 28 02';
    expect(decodeConfState(bytes(hex))).toStrictEqual({
      voters: [1n, 2n, 300n, 4n],
      learners: [],
      votersOutgoing: [5n],
      learnersNext: [6n],
      autoLeave: true,
    });
  });

  it('Snapshot: metadata that comes in pieces is merged, lists are joined', () => {
    const hex = '12 08 0a 04 08 01 28 01 10 07 12 06 0a 02 08 02 18 03';
    expect(decodeSnapshot(bytes(hex))).toStrictEqual({
      metadata: {
        confState: { ...emptyConfState, voters: [1n, 2n], autoLeave: true },
        index: 7,
        term: 3,
      },
    });
    expect(decodeSnapshot(empty)).toStrictEqual({
      metadata: { confState: emptyConfState, index: 0, term: 0 },
    });
  });
});

describe('what older etcd writes', () => {
  it('Message: every number, and an empty snapshot that means none', () => {
    const hex =
      '08 08 10 02 18 01 20 05 28 00 30 00 40 06 4a 0a 12 08 0a 02 28 00 10 00 18 00 50 00 58 00 68 00';
    const heartbeat = newMessage({ type: 8, to: 2n, from: 1n, term: 5, commit: 6 });
    expect(decodeMessage(bytes(hex))).toStrictEqual(heartbeat);
  });

  it('Message: an empty snapshot in a message that brings snapshots stays one', () => {
    const { snapshot } = decodeMessage(bytes('08 07 4a 00'));
    expect(snapshot).toStrictEqual({ metadata: { confState: emptyConfState, index: 0, term: 0 } });
  });

  it('Message: entries with their type, and a snapshot that comes in pieces', () => {
    const hex = '3a 06 08 00 10 05 18 08 08 07 4a 04 12 02 10 07 4a 07 0a 01 61 12 02 18 03';
    expect(decodeMessage(bytes(hex))).toStrictEqual(
      newMessage({
        type: 7,
        entries: [{ type: 0, term: 5, index: 8 }],
        snapshot: {
          data: bytes('61'),
          metadata: { confState: emptyConfState, index: 7, term: 3 },
        },
      }),
    );
  });

  it('ConfChangeV2: its transition, also Auto', () => {
    expect(decodeConfChangeV2(bytes('08 00'))).toStrictEqual(leaveJointChange);
  });
});

describe('ownership', () => {
  it('decoded data is a view into the bytes, also when they begin inside their buffer', () => {
    const buffer = bytes('ff ff 10 01 18 01 22 02 61 62 ff');
    const { data } = decodeEntry(buffer.subarray(2, 10));
    expect(data).toStrictEqual(bytes('61 62'));
    expect(data?.buffer).toBe(buffer.buffer);
    buffer[8] = 0x7a;
    expect(data?.[0]).toBe(0x7a);
  });

  it('decoded data of a Buffer is a plain Uint8Array', () => {
    const { data } = decodeEntry(Buffer.from(bytes('22 02 61 62')));
    expect(data?.constructor).toBe(Uint8Array);
  });

  it('encoded bytes do not follow later changes of the data', () => {
    const data = bytes('61 62');
    const encoded = encodeEntry({ type: 0, term: 1, index: 1, data });
    data[0] = 0x7a;
    expect(encoded).toStrictEqual(bytes('10 01 18 01 22 02 61 62'));
  });
});
