/** The messages of a frame that reach the node. */
import { MessageType, newMessage, type Message } from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import { deliver } from '../../src/messages/deliver.ts';
import { FakeMember } from './fakes.ts';

const messageOf = (term: number, given: Partial<Message> = {}): Message =>
  newMessage({ type: MessageType.Heartbeat, from: 2n, to: 1n, term, ...given });

describe('messages of one frame', () => {
  it('reach the node in their order, and are counted', () => {
    const member = new FakeMember();
    deliver(member.wire, 2n, [messageOf(1), messageOf(2), messageOf(3)]);
    deliver(member.wire, 2n, []);
    expect(member.received.map(({ term }) => term)).toEqual([1, 2, 3]);
    expect(member.countersOf(2n).receivedMessages).toBe(3);
  });

  it.each<[string, Partial<Message>]>([
    ['another sender', { from: 3n }],
    ['no sender', { from: 0n }],
    ['another receiver', { to: 3n }],
    ['the sender as its receiver', { to: 2n }],
    ['a snapshot', { type: MessageType.Snap }],
  ])('are all refused where one of them names %s, at whatever position', (_, wrong) => {
    for (const position of [0, 1, 2]) {
      const member = new FakeMember();
      const messages = [0, 1, 2].map((at) => messageOf(at, at === position ? wrong : {}));
      const code = 'TRANSPORT_PROTOCOL';
      expect(() => deliver(member.wire, 2n, messages)).toThrow(expect.objectContaining({ code }));
      expect(member.received).toEqual([]);
      expect(member.countersOf(2n).receivedMessages).toBe(0);
    }
  });

  it('end with one that the node calls impossible', () => {
    const member = new FakeMember();
    const heard: number[] = [];
    const receive = ({ term }: Message): 'impossible' | undefined => {
      heard.push(term);
      return term === 2 ? 'impossible' : undefined;
    };
    const wire = { ...member.wire, handler: { ...member.wire.handler, receive } };
    const messages = [1, 2, 3].map((term) => messageOf(term));
    const code = 'TRANSPORT_PROTOCOL';
    expect(() => deliver(wire, 2n, messages)).toThrow(expect.objectContaining({ code }));
    expect(heard).toEqual([1, 2]);
  });
});
