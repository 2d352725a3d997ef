/** A request with messages in its body. */
import { MessageType, newMessage } from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import type { Admitted } from '../../src/server/admission.ts';
import { encodeMessages, sizeInFrame } from '../../src/messages/frames.ts';
import { Members } from '../../src/connections/members.ts';
import { takeMessages } from '../../src/messages/take-messages.ts';
import { FakeMember, stallTimeoutMs } from './fakes.ts';
import { exchangeOf } from './requests.ts';

const from = 2n;
const admitted: Admitted = {
  isFine: true,
  from,
  framePayloadMax: 1000,
  takesReplies: false,
  answer: '',
};

function frameOf(term: number): Buffer {
  const message = newMessage({ type: MessageType.Heartbeat, from, to: 1n, term });
  return encodeMessages([message], sizeInFrame(message));
}

describe('a request with messages', () => {
  it('is answered when all of its frames have arrived', async () => {
    const member = new FakeMember();
    const { request, response, socket } = exchangeOf();
    const parts = { wire: member.wire, members: new Members() };
    const taking = takeMessages(parts, admitted, request, response);
    request.push(frameOf(1));
    await member.clock.advance(1);
    request.push(frameOf(2));
    await member.clock.advance(1);
    expect(member.received.map(({ term }) => term)).toEqual([1, 2]);
    expect(socket.text).toBe('');
    request.complete = true;
    request.push(null);
    await taking;
    await member.clock.advance(0);
    expect(socket.text).toContain(' 204 ');
    expect(member.clock.pendingCount).toBe(0);
    const { receivedBytes } = member.countersOf(from);
    expect(receivedBytes).toBe(frameOf(1).length + frameOf(2).length - 16);
  });

  it('says that it is read while that takes long, and no more after its end', async () => {
    const member = new FakeMember();
    const { request, response, socket } = exchangeOf();
    const parts = { wire: member.wire, members: new Members() };
    const taking = takeMessages(parts, admitted, request, response);
    const context = Buffer.alloc(600);
    const message = newMessage({ type: MessageType.Heartbeat, from, to: 1n, context });
    const bytes = encodeMessages([message], sizeInFrame(message));
    for (let at = 0; at < bytes.length; at += 30) {
      request.push(bytes.subarray(at, at + 30));
      await member.clock.advance(stallTimeoutMs / 4);
    }
    expect(socket.text).toContain(' 200 ');
    request.complete = true;
    request.push(null);
    await taking;
    expect([member.received.length, member.clock.pendingCount]).toEqual([1, 0]);
  });

  it('reaches the node no more once its sender is removed, and leaves no timer', async () => {
    const member = new FakeMember();
    const members = new Members();
    const { request, response } = exchangeOf();
    const taking = takeMessages({ wire: member.wire, members }, admitted, request, response);
    request.push(frameOf(1));
    await member.clock.advance(1);
    members.remove(from);
    request.push(frameOf(2));
    await member.clock.advance(1);
    expect(member.received.map(({ term }) => term)).toEqual([1]);
    await taking;
    expect(member.clock.pendingCount).toBe(0);
  });

  it.each(['a damaged frame', 'half a frame', 'nothing for the stall timeout'])(
    'with %s is not answered well, and leaves no timer',
    async (problem) => {
      const member = new FakeMember();
      const { request, response, socket } = exchangeOf();
      const parts = { wire: member.wire, members: new Members() };
      const taking = takeMessages(parts, admitted, request, response).catch((error) => error);
      const bytes = frameOf(1);
      if (problem === 'a damaged frame') bytes[9] = 255;
      if (problem === 'half a frame') request.push(bytes.subarray(0, 9));
      else request.push(bytes);
      if (problem === 'half a frame') request.push(null);
      else if (problem !== 'a damaged frame') await member.clock.advance(stallTimeoutMs);
      expect(await taking).toMatchObject({ code: /TRANSPORT_(?:PROTOCOL|BROKEN)/ });
      expect(socket.text).not.toContain(' 204 ');
      expect(member.clock.pendingCount).toBe(0);
    },
  );
});
