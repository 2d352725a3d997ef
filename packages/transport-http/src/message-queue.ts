/** What waits to be sent to one peer: bounded in number and bytes. What does not fit is the caller's to report. */
import type { Message } from '@babuza/raftpb';
import { encodeMessages } from './frames.ts';

export const queuedMessagesMax = 256;
/** One message fits always, whatever its size. */
const queuedBytesMax = 64 * 1024 * 1024;
/** A frame is closed when it has this many bytes: the next messages go into another. */
const frameBytesAimed = 1024 * 1024;

export interface MessageFrame {
  readonly bytes: Buffer;
  readonly messages: number;
}

export class MessageQueue {
  #messages: Message[] = [];
  #sizes: number[] = [];
  #bytes = 0;

  get length(): number {
    return this.#messages.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** `size`: as `sizeInFrame` has it. Whether it was taken. */
  push(message: Message, size: number): boolean {
    const isFull =
      this.#messages.length >= queuedMessagesMax ||
      (this.#messages.length > 0 && this.#bytes + size > queuedBytesMax);
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
    while (count < this.#sizes.length && bytes < frameBytesAimed) {
      bytes += this.#sizes[count] ?? 0;
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
