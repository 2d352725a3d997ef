/** How much a leader remembers of forwarded proposals, around each bound. */
import { EntryType, newMessage, MessageType, type Message } from '@babuza/raftpb';
import { beforeEach, describe, expect, it } from 'vitest';
import { encodeEnvelope, EnvelopeKind, requestsPerIncarnation } from '../src/proposals/envelope.ts';
import { ForwardedRequests } from '../src/proposals/forwarded-requests.ts';

/** A proposal is remembered up to this far behind the newest one. */
const knownMax = 4096;
const payload = new Uint8Array(1);

function messageOf(numbers: readonly number[], incarnation = 1, nodeId = 2n): Message {
  const entries = numbers.map((number) => {
    const request = { nodeId, number: incarnation * requestsPerIncarnation + number };
    const data = encodeEnvelope({ kind: EnvelopeKind.Payload, proposedAtMs: 0, request, payload });
    return { index: 0, term: 0, type: EntryType.Normal, data };
  });
  return newMessage({ type: MessageType.Prop, from: 2n, to: 1n, entries });
}

let forwarded: ForwardedRequests;

beforeEach(() => {
  forwarded = new ForwardedRequests();
});

const take = (number: number, incarnation = 1, nodeId = 2n): boolean =>
  forwarded.take(messageOf([number], incarnation, nodeId));

function takeAll(from: number, to: number): void {
  for (let number = from; number <= to; number += 1) {
    if (!take(number)) throw new Error(`${number} was not taken`);
  }
}

describe('the proposals that are remembered', () => {
  // The set is pruned when it has more than 8,192 of them.
  it.each([8191, 8192, 8193, 8194, 12_288, 12_289])(
    'are refused when they are repeated, each of the newest of %i',
    (count) => {
      takeAll(1, count);
      const takenAgain = [];
      for (let number = count; number > 0; number -= 1) if (take(number)) takenAgain.push(number);
      expect(takenAgain).toEqual([]);
      expect(take(count + 1)).toBe(true);
    },
  );

  it('reach back 4,095 numbers: what comes late is taken there, and no further', () => {
    takeAll(10_000, 10_000);
    expect(take(10_000 - knownMax - 1)).toBe(false);
    expect(take(10_000 - knownMax)).toBe(false);
    expect(take(10_000 - knownMax + 1)).toBe(true);
    expect(take(10_000 - knownMax + 1)).toBe(false);
  });

  // The numbers between were used for proposals that another leader has taken.
  it.each([
    ['a half of the numbers of an incarnation', requestsPerIncarnation / 2 - 1],
    ['more than a half', requestsPerIncarnation / 2 + 1],
    ['nearly all', requestsPerIncarnation - 10],
  ])('do not keep those from being taken that come %s later', (_, gap) => {
    takeAll(1, 5);
    expect([take(5 + gap), take(6 + gap), take(3 + gap), take(5 + gap)]).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect([1, 2, 3, 4, 5].filter((number) => take(number))).toEqual([]);
  });

  it('are refused also where the numbers of an incarnation are used up between the copies', () => {
    const last = requestsPerIncarnation - 1;
    takeAll(last - 5000, last);
    // The sender goes on with the next incarnation.
    for (let number = 0; number <= 5000; number += 1) {
      if (!take(number, 2)) throw new Error(`${number} was not taken`);
    }
    const copies = Array.from({ length: 5001 }, (_, number) => number);
    expect(copies.filter((number) => take(number, 2))).toEqual([]);
    expect([take(last), take(last - 5000)]).toEqual([false, false]);
  });

  it('are those of two incarnations of a sender: the one before and the newest', () => {
    expect([take(7, 1), take(7, 2)]).toEqual([true, true]);
    expect([take(7, 1), take(7, 2), take(8, 1), take(8, 2)]).toEqual([false, false, true, true]);
    expect(take(7, 3)).toBe(true);
    expect([take(7, 2), take(7, 3)]).toEqual([false, false]);
  });

  it('are refused when they come from an incarnation before those, and leave the newer ones known', () => {
    for (const incarnation of [1, 2, 3]) expect(take(7, incarnation)).toBe(true);
    expect([take(7, 1), take(8, 1)]).toEqual([false, false]);
    expect([take(7, 2), take(7, 3), take(8, 3)]).toEqual([false, false, true]);
  });

  it.each([1023, 1024, 1025])(
    'of incarnations that ended are refused, of the newest 1,024: %i',
    (count) => {
      for (let incarnation = 0; incarnation < count + 2; incarnation += 1) {
        if (!take(7, incarnation))
          throw new Error(`a proposal of incarnation ${incarnation} was not taken`);
      }
      const oldest = Math.max(0, count - 1024);
      expect(take(7, oldest)).toBe(false);
      expect([take(7, count - 1), take(7, count), take(7, count + 1)]).toEqual([
        false,
        false,
        false,
      ]);
      // The memory has a bound: an incarnation that is older cannot be told from a new one.
      if (count > 1024) expect(take(7, 0)).toBe(true);
    },
  );

  it('of one sender are not those of another', () => {
    for (const nodeId of [2n, 3n, 4n]) expect(take(7, 1, nodeId)).toBe(true);
    for (const incarnation of [2, 3, 4]) expect(take(7, incarnation, 3n)).toBe(true);
    expect([take(7, 1, 2n), take(7, 1, 4n)]).toEqual([false, false]);
  });
});

describe('a message with several proposals', () => {
  it('is not taken where one of them is known, wherever it stands', () => {
    expect(forwarded.take(messageOf([1, 2, 3]))).toBe(true);
    expect(forwarded.take(messageOf([3, 4, 5]))).toBe(false);
    expect(forwarded.take(messageOf([6, 7, 1]))).toBe(false);
    // The proposals before the known one count as lost: they are in no log.
    expect(forwarded.take(messageOf([8, 8]))).toBe(false);
    expect(forwarded.take(messageOf([9, 10]))).toBe(true);
  });
});
