/**
 * The queue of messages to one peer, limited in number and bytes. The caller reports the messages
 * that do not fit.
 */
import type { Message } from '@babuza/raftpb';
import { encodeMessages } from './frames.ts';

/** The limits of the queue and of a frame. */
export interface QueueBounds {
  readonly messagesMax: number;
  /** The bytes of all messages together. An empty queue takes one message of any size. */
  readonly bytesMax: number;
  /** A frame that has this many bytes is complete; the next messages go into another one. */
  readonly frameBytesAimed: number;
  /**
   * A frame that has this many entries is complete, because the receiver limits the parts of a
   * frame: see `partsPerFrameMax`.
   */
  readonly frameEntriesAimed: number;
}

export const queueBounds: QueueBounds = {
  messagesMax: 256,
  bytesMax: 64 * 1024 * 1024,
  frameBytesAimed: 1024 * 1024,
  frameEntriesAimed: 8192,
};

export interface MessageFrame {
  readonly bytes: Buffer;
  readonly messages: number;
}

export class MessageQueue {
  readonly #bounds: QueueBounds;
  #messages: Message[] = [];
  #sizes: number[] = [];
  #bytes = 0;

  constructor(bounds: QueueBounds = queueBounds) {
    this.#bounds = bounds;
  }

  get length(): number {
    return this.#messages.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a message of `size` bytes (`sizeInFrame`). Returns false if it does not fit. */
  push(message: Message, size: number): boolean {
    const { messagesMax, bytesMax } = this.#bounds;
    const isFull =
      this.#messages.length >= messagesMax ||
      (this.#messages.length > 0 && this.#bytes + size > bytesMax);
    if (isFull) return false;
    this.#messages.push(message);
    this.#sizes.push(size);
    this.#bytes += size;
    return true;
  }

  /** Removes the oldest messages and encodes them as one frame. */
  shift(): MessageFrame {
    let count = 0;
    let bytes = 0;
    let entries = 0;
    const { frameBytesAimed, frameEntriesAimed } = this.#bounds;
    for (const size of this.#sizes) {
      if (bytes >= frameBytesAimed || entries >= frameEntriesAimed) break;
      entries += this.#messages[count]?.entries.length ?? 0;
      bytes += size;
      count += 1;
    }
    const messages = this.#messages.splice(0, count);
    this.#sizes.splice(0, count);
    this.#bytes -= bytes;
    return { bytes: encodeMessages(messages, bytes), messages: messages.length };
  }

  /** Empties the queue. Returns how many messages it had. */
  clear(): number {
    const count = this.#messages.length;
    this.#messages = [];
    this.#sizes = [];
    this.#bytes = 0;
    return count;
  }
}
