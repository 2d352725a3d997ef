/** Delivers messages to the node after checking their sender and receiver. */
import { MessageType, type Message } from '@babuza/raftpb';
import { TransportError } from '../errors.ts';
import { decodeMessages } from './frames.ts';
import type { Wire } from '../wire.ts';

/** A frame larger than this is assumed to contain entries and is not decoded before it waits. */
const unseenBytesMin = 512;

/**
 * Backpressure: the promise that a frame must await before its messages are delivered, or
 * `undefined` if it need not wait. Frames with entries wait while the queue of the node is full.
 * Messages without entries, such as heartbeats and votes, never wait.
 */
export function roomFor({ handler }: Wire, payload: Buffer): Promise<void> | undefined {
  const room = handler.room?.();
  if (room === undefined || payload.length > unseenBytesMin) return room;
  const hasEntries = decodeMessages(payload).some(({ entries }) => entries.length > 0);
  return hasEntries ? room : undefined;
}

/**
 * Delivers the messages of one frame to the node.
 *
 * @throws TransportError (`TRANSPORT_PROTOCOL`) if a message has a wrong sender or receiver or is a
 * snapshot: then no message was delivered. Also if the node rejects a message as impossible: then
 * the messages after it are not delivered.
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
      throw wrong(`member ${from} sent an impossible message, which the node has rejected`);
    }
  }
}

const wrong = (problem: string): TransportError =>
  new TransportError('TRANSPORT_PROTOCOL', problem);
