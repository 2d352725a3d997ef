/**
 * What waits to be sent to one peer: bounded in number and bytes. What does not fit is the caller's
 * to report.
 */
import type { Message } from '@babuza/raftpb';
import { encodeMessages } from './frames.ts';

/** How much may wait, and how much of it goes into one frame. */
export interface QueueBounds {
  readonly messagesMax: number;
  /** Bytes of all messages together. An empty queue takes one message of any size. */
  readonly bytesMax: number;
  /** A frame is closed when it has this many bytes: the next messages go into another. */
  readonly frameBytesAimed: number;
  /** Or so many entries: the receiver refuses a frame of very many, see `partsPerFrameMax`. */
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

  /** `size`: as `sizeInFrame` has it. Whether it was taken. */
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

  /** The oldest messages in one frame, encoded. */
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

  /** Returns how many there were. */
  clear(): number {
    const count = this.#messages.length;
    this.#messages = [];
    this.#sizes = [];
    this.#bytes = 0;
    return count;
  }
}
