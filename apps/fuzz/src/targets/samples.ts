/** Values that several targets begin with. */
import {
  emptyConfState,
  messageTypeMax,
  newMessage,
  type Message,
  type MessageType,
} from '@babuza/raftpb';

const encoder = new TextEncoder();

export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

export function jsonBytes(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

/** One message of each type with every field that a message can have. */
export function messagesOfAllTypes(): Message[] {
  return Array.from({ length: messageTypeMax + 1 }, (_, number) => {
    // Every number from 0 to `messageTypeMax` is a type.
    const type = number as MessageType;
    return newMessage({
      type,
      from: 2n,
      to: 1n,
      term: 7,
      logTerm: 6,
      index: 300,
      commit: 299,
      entries: [
        { index: 301, term: 7, type: 0, data: bytesOf('payload') },
        { index: 302, term: 7, type: 2, data: new Uint8Array(0) },
      ],
      snapshot: {
        data: bytesOf('a manifest'),
        metadata: { index: 299, term: 6, confState: { ...emptyConfState, voters: [1n, 2n, 3n] } },
      },
      reject: number % 2 === 1,
      rejectHint: 12,
      context: bytesOf('context'),
      vote: 2n ** 64n - 1n,
      responses: [newMessage({ type, from: 1n, to: 2n, term: 7, index: 301 })],
    });
  });
}
