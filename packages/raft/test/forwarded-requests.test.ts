/** A leader appends each forwarded proposal once, even when a transport repeats it. */
import { EntryType, newMessage, MessageType, type Message } from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import { encodeEnvelope, EnvelopeKind, requestsPerIncarnation } from '../src/proposals/envelope.ts';
import { ForwardedRequests } from '../src/proposals/forwarded-requests.ts';
import { bytesOf } from './support.ts';

function messageOf(...data: (Uint8Array | undefined)[]): Message {
  const entries = data.map((bytes) => ({
    index: 0,
    term: 0,
    type: EntryType.Normal,
    ...(bytes === undefined ? {} : { data: bytes }),
  }));
  return newMessage({ type: MessageType.Prop, from: 2n, to: 1n, entries });
}

function proposal(number: number, incarnation = 1, nodeId = 2n): Uint8Array {
  const request = { nodeId, number: incarnation * requestsPerIncarnation + number };
  const payload = bytesOf('a');
  return encodeEnvelope({ kind: EnvelopeKind.Payload, proposedAtMs: 0, request, payload });
}

describe('a proposal that was forwarded to the leader', () => {
  it('is taken once, in any order', () => {
    const forwarded = new ForwardedRequests();
    const numbers = [3, 1, 2, 3, 1, 4, 2, 4];
    const taken = numbers.map((number) => forwarded.take(messageOf(proposal(number))));
    expect(taken).toEqual([true, true, true, false, false, true, false, false]);
  });

  it('is a different one in another incarnation, and from another sender', () => {
    const forwarded = new ForwardedRequests();
    const all = [proposal(1, 1), proposal(1, 2), proposal(1, 1, 3n)];
    expect(all.map((data) => forwarded.take(messageOf(data)))).toEqual([true, true, true]);
    expect(all.map((data) => forwarded.take(messageOf(data)))).toEqual([false, false, false]);
  });

  it('is taken also by a leader that hears late of its sender', () => {
    const forwarded = new ForwardedRequests();
    expect(forwarded.take(messageOf(proposal(requestsPerIncarnation - 1)))).toBe(true);
    // All numbers of the incarnation are used: the sender goes on with the next one.
    expect(forwarded.take(messageOf(proposal(0, 2)))).toBe(true);
    expect(forwarded.take(messageOf(proposal(requestsPerIncarnation - 1)))).toBe(false);
  });

  it('counts as lost when it is far older than others; so the memory has a bound', () => {
    const forwarded = new ForwardedRequests();
    for (let number = 1; number <= 20_000; number += 1) {
      expect(forwarded.take(messageOf(proposal(number)))).toBe(true);
    }
    expect(forwarded.take(messageOf(proposal(1)))).toBe(false);
    expect(forwarded.take(messageOf(proposal(19_999)))).toBe(false);
  });

  it('is not taken where it has no number, or cannot be read', () => {
    const forwarded = new ForwardedRequests();
    const payload = bytesOf('a');
    const bare = encodeEnvelope({ kind: EnvelopeKind.Payload, proposedAtMs: 0, payload });
    expect(forwarded.take(messageOf(bare))).toBe(false);
    expect(forwarded.take(messageOf(bytesOf('nothing')))).toBe(false);
    expect(forwarded.take(messageOf(undefined))).toBe(true);
  });

  it('is not taken from an empty message, nor is a change of the membership, which is never forwarded', () => {
    const forwarded = new ForwardedRequests();
    expect(forwarded.take(messageOf())).toBe(false);
    for (const type of [EntryType.ConfChange, EntryType.ConfChangeV2]) {
      const change = { index: 0, term: 0, type, data: bytesOf('nothing') };
      const entries = [...messageOf(proposal(1)).entries, change];
      expect(forwarded.take(newMessage({ type: MessageType.Prop, entries }))).toBe(false);
    }
  });
});
