/** Hands messages to the node, after a look at who they say they are from. */
import { MessageType, type Message } from '@babuza/raftpb';
import { TransportError } from '../errors.ts';
import { decodeMessages } from './frames.ts';
import type { Wire } from '../wire.ts';

/** A frame of more bytes waits for the room of the node without a look at what is in it. */
const unseenBytesMin = 512;

/**
 * What the frame has to wait for before its messages are decoded and handed over: the node has no
 * room for more entries. Messages without entries do not wait: heartbeats and votes take no room.
 */
export function roomFor({ handler }: Wire, payload: Buffer): Promise<void> | undefined {
  const room = handler.room?.();
  if (room === undefined || payload.length > unseenBytesMin) return room;
  const hasEntries = decodeMessages(payload).some(({ entries }) => entries.length > 0);
  return hasEntries ? room : undefined;
}

/**
 * @throws TransportError (`TRANSPORT_PROTOCOL`) before any of them was handed over, or when the
 * node has refused one that no member sends; those behind it are not handed over.
 */
export function deliver(
  { nodeId, handler, countersOf }: Wire,
  from: bigint,
  messages: readonly Message[],
): void {
  for (const message of messages) {
    if (message.from !== from || message.to !== nodeId) {
      const said = `from ${message.from} to ${message.to}`;
      throw wrong(`member ${from} sent ${nodeId} a message ${said}`);
    }
    if (message.type === MessageType.Snap) {
      throw wrong(`member ${from} sent a snapshot among messages, without its files`);
    }
  }
  countersOf(from).receivedMessages += messages.length;
  for (const message of messages) {
    if (handler.receive(message) === 'impossible') {
      throw wrong(
        `member ${from} sent a message that no member sends, and the node has refused it`,
      );
    }
  }
}

const wrong = (problem: string): TransportError =>
  new TransportError('TRANSPORT_PROTOCOL', problem);
