/** Hands messages to the node, after a look at who they say they are from. */
import { MessageType, type Message } from '@babuza/raftpb';
import { TransportError } from './errors.ts';
import type { Wire } from './wire.ts';

/** @throws TransportError (`TRANSPORT_PROTOCOL`) before any of them was handed over. */
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
  for (const message of messages) handler.receive(message);
}

const wrong = (problem: string): TransportError =>
  new TransportError('TRANSPORT_PROTOCOL', problem);
