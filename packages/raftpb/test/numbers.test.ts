/**
 * A value that the wire cannot carry is refused before a byte is written; every other value has an
 * exact size.
 */

import { describe, expect, it } from 'vitest';
import {
  confChangeAsV2,
  decodeEntry,
  decodeHardState,
  encodeConfChange,
  encodeConfChangeV2,
  encodeConfState,
  encodeEntry,
  encodeEntryInto,
  encodeHardState,
  encodeHardStateInto,
  encodeMessage,
  encodeSnapshot,
  encodeSnapshotMetadata,
  entryEncodedSize,
  emptyConfState,
  entersJoint,
  EntryType,
  leaveJointChange,
  leavesJoint,
  newMessage,
  RaftpbEncodeError,
  type ConfChangeV2,
  type Entry,
} from '../src/index.ts';

const normal: Entry = { index: 1, term: 1, type: EntryType.Normal };
const unsafe = [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, -(2 ** 60)];
const notIds = [-1n, 2n ** 64n, -(2n ** 70n)];

describe('numbers that the wire cannot carry', () => {
  it.each(unsafe)('refuses %s as index, term and commit', (value) => {
    refused('Entry.index', () => encodeEntry({ ...normal, index: value }));
    refused('Entry.term', () => entryEncodedSize({ ...normal, term: value }));
    refused('HardState.term', () => encodeHardState({ term: value, vote: 0n, commit: 0 }));
    refused('HardState.commit', () => encodeHardState({ term: 0, vote: 0n, commit: value }));
    for (const field of ['term', 'logTerm', 'index', 'commit', 'rejectHint']) {
      refused(`Message.${field}`, () => encodeMessage(newMessage({ type: 3, [field]: value })));
    }
    const metadata = { confState: emptyConfState, index: 1, term: 1 };
    refused('SnapshotMetadata.index', () => encodeSnapshotMetadata({ ...metadata, index: value }));
    refused('SnapshotMetadata.term', () =>
      encodeSnapshot({ metadata: { ...metadata, term: value } }),
    );
  });

  it.each(notIds)('refuses %s as an id', (value) => {
    refused('HardState.vote', () => encodeHardState({ term: 0, vote: value, commit: 0 }));
    refused('ConfState.voters', () => encodeConfState({ ...emptyConfState, voters: [1n, value] }));
    refused('ConfState.learners', () => encodeConfState({ ...emptyConfState, learners: [value] }));
    refused('ConfState.votersOutgoing', () =>
      encodeConfState({ ...emptyConfState, votersOutgoing: [value] }),
    );
    refused('ConfState.learnersNext', () =>
      encodeConfState({ ...emptyConfState, learnersNext: [value] }),
    );
    for (const field of ['to', 'from', 'vote']) {
      refused(`Message.${field}`, () => encodeMessage(newMessage({ type: 3, [field]: value })));
    }
    refused('ConfChange.nodeId', () => encodeConfChange({ id: 0n, type: 0, nodeId: value }));
    refused('ConfChange.id', () => encodeConfChange({ id: value, type: 0, nodeId: 1n }));
    refused('ConfChangeSingle.nodeId', () =>
      encodeConfChangeV2({ transition: 0, changes: [{ type: 0, nodeId: value }] }),
    );
  });

  it('refuses what a caller without types may pass', () => {
    refused('Entry.type', () => encodeEntry(untyped({ type: 3 })));
    refused('Entry.data', () => encodeEntry(untyped({ data: 'text' })));
    refused('Entry.data', () => encodeEntry(untyped({ data: new Float64Array(1) })));
    refused('Entry.data', () => encodeEntry(untyped({ data: null })));
    refused('Entry.index', () => encodeEntry(untyped({ index: 1n })));
    const unknown = JSON.parse('{"type":24,"transition":3}');
    refused('Message.type', () => encodeMessage({ ...newMessage({ type: 0 }), ...unknown }));
    refused('ConfChange.type', () => encodeConfChange({ id: 0n, type: 0, nodeId: 1n, ...unknown }));
    refused('ConfChangeV2.transition', () =>
      encodeConfChangeV2({ transition: 0, changes: [], ...unknown }),
    );
    const state = { term: 0, vote: 0n, commit: 0, ...JSON.parse('{"vote":1}') };
    refused('HardState.vote', () => encodeHardState(state));
  });

  it('leaves the target untouched when the value is refused or does not fit', () => {
    const target = new Uint8Array(8);
    const state = { term: 1, vote: 2n, commit: 3 };
    refused('HardState', () => encodeHardStateInto(state, target, 3));
    refused('HardState', () => encodeHardStateInto(state, target, -1));
    refused('HardState', () => encodeHardStateInto(state, target, 0.5));
    refused('HardState.commit', () => encodeHardStateInto({ ...state, commit: -1 }, target, 0));
    refused('Entry', () => encodeEntryInto({ ...normal, data: new Uint8Array(8) }, target, 0));
    expect(target).toStrictEqual(new Uint8Array(8));
    expect(encodeHardStateInto(state, target, 2)).toBe(8);
  });
});

describe('numbers at the edges', () => {
  it('keeps every power of two and its neighbours', () => {
    for (let bits = 0; bits < 53; bits += 1) {
      for (const value of [2 ** bits - 1, 2 ** bits, 2 ** bits + 1]) {
        const entry = { ...normal, index: value };
        const encoded = encodeEntry(entry);
        expect(decodeEntry(encoded)).toStrictEqual(entry);
        expect(entryEncodedSize(entry)).toBe(encoded.length);
      }
    }
    for (let bits = 0n; bits < 64n; bits += 1n) {
      for (const vote of [(1n << bits) - 1n, 1n << bits, 2n ** 64n - (1n << bits)]) {
        const state = { term: 0, vote, commit: 0 };
        expect(decodeHardState(encodeHardState(state))).toStrictEqual(state);
      }
    }
  });

  it.each([127, 128, 2000, 2048, 2049, 16_383, 16_384, 2_097_151, 2_097_152])(
    'keeps a payload of %s bytes',
    (length) => {
      const data = new Uint8Array(length).fill(0xab);
      const encoded = encodeEntry({ ...normal, data });
      expect(entryEncodedSize({ ...normal, data })).toBe(encoded.length);
      expect(Buffer.compare(decodeEntry(encoded).data ?? new Uint8Array(0), data)).toBe(0);
    },
  );
});

describe('encoded bytes', () => {
  it('never overlap, whatever was encoded in between', () => {
    const entries = Array.from({ length: 500 }, (_, position): Entry => {
      return {
        ...normal,
        index: position,
        data: new Uint8Array((position * 37) % 3000).fill(position),
      };
    });
    const encoded = entries.map((entry) => encodeEntry(entry));
    for (const [position, bytes] of encoded.entries()) {
      const data = decodeEntry(bytes).data ?? new Uint8Array(0);
      expect(data.length).toBe((position * 37) % 3000);
      expect(data.every((byte) => byte === position % 256)).toBe(true);
    }
  });
});

describe('changes of the membership', () => {
  const operation = { type: 0, nodeId: 1n } as const;
  const change = (transition: 0 | 1 | 2, count: number): ConfChangeV2 => ({
    transition,
    changes: Array.from({ length: count }, () => operation),
  });

  it('a change of one member is the newer form with one operation and transition Auto', () => {
    expect(confChangeAsV2({ id: 9n, type: 0, nodeId: 1n })).toStrictEqual(change(0, 1));
    const context = new Uint8Array([7]);
    expect(confChangeAsV2({ id: 9n, type: 0, nodeId: 1n, context })).toStrictEqual({
      ...change(0, 1),
      context,
    });
    expect(confChangeAsV2(leaveJointChange)).toBe(leaveJointChange);
  });

  it.each([
    [0, 0, undefined, true],
    [0, 1, undefined, false],
    [0, 2, true, false],
    [1, 0, true, false],
    [1, 1, true, false],
    [2, 0, false, false],
    [2, 2, false, false],
  ] as const)(
    'transition %i with %i operations enters with autoLeave %s, leaves %s',
    (transition, count, autoLeave, leaves) => {
      expect(entersJoint(change(transition, count))?.autoLeave).toBe(autoLeave);
      expect(leavesJoint(change(transition, count))).toBe(leaves);
      expect(leavesJoint({ ...change(transition, count), context: new Uint8Array(1) })).toBe(
        leaves,
      );
    },
  );
});

/** An entry as JavaScript without types may build it. */
function untyped(fields: object): Entry {
  return { ...normal, ...fields };
}

function refused(what: string, call: () => unknown): void {
  let caught: unknown;
  try {
    call();
  } catch (error) {
    caught = error;
  }
  expect(caught).toBeInstanceOf(RaftpbEncodeError);
  expect(caught).toMatchObject({ name: 'RaftpbEncodeError', code: 'RAFTPB_ENCODE', what });
}
