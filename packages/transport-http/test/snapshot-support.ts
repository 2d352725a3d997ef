/** Sources and receivers of snapshots for tests. */
import { MessageType, newMessage, type Message } from '@babuza/raftpb';
import type { TransportHandler } from '@babuza/raft/ports';

export const never: AbortSignal = new AbortController().signal;

export const snapshotMessage = (from: bigint, to: bigint): Message =>
  newMessage({
    type: MessageType.Snap,
    from,
    to,
    term: 2,
    snapshot: {
      data: Buffer.from('a snapshot'),
      metadata: {
        confState: {
          voters: [1n, 2n],
          learners: [],
          votersOutgoing: [],
          learnersNext: [],
          autoLeave: false,
        },
        index: 10,
        term: 2,
      },
    },
  });

/** The files of a snapshot: opened from any offset, in chunks of one size. Counts what is open. */
export class Source {
  readonly bytes: Buffer;
  readonly chunkBytes: number;
  readonly offsets: number[] = [];
  sentBytes = 0;
  openStreams = 0;
  /** Called before a chunk at this offset is read. */
  onRead: (at: number) => Promise<void> | void = () => undefined;

  constructor(size: number, chunkBytes = 64 * 1024) {
    // A length that is no divisor of a chunk's, so that all chunks differ.
    const pattern = Buffer.from(
      Array.from({ length: 4093 }, (_, at) => (at * 7 + (at >> 8)) & 255),
    );
    this.bytes = Buffer.alloc(size, pattern);
    this.chunkBytes = chunkBytes;
  }

  readonly open = (offset: number): AsyncGenerator<Uint8Array, void, void> => {
    this.offsets.push(offset);
    return this.#read(offset);
  };

  async *#read(offset: number): AsyncGenerator<Uint8Array, void, void> {
    this.openStreams += 1;
    try {
      for (let at = offset; at < this.bytes.length; at += this.chunkBytes) {
        await this.onRead(at);
        const chunk = this.bytes.subarray(at, at + this.chunkBytes);
        this.sentBytes += chunk.length;
        yield chunk;
      }
    } finally {
      // Closing a file takes a moment.
      await new Promise((resolve) => setImmediate(resolve));
      this.openStreams -= 1;
    }
  }
}

/** Receives snapshots, keeps the bytes of an interrupted one, and records how each ended. */
export class Sink {
  readonly chunks: Buffer[] = [];
  readonly failures: unknown[] = [];
  taken = 0;
  running = 0;
  mostRunning = 0;
  onChunk: (bytes: number, signal: AbortSignal) => Promise<void> | void = () => undefined;

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  get received(): number {
    return this.chunks.reduce((sum, { length }) => sum + length, 0);
  }

  readonly handler: Partial<TransportHandler> = {
    receivedSnapshotBytes: async () => this.received,
    receiveSnapshot: async (_, stream, signal) => {
      this.running += 1;
      this.mostRunning = Math.max(this.mostRunning, this.running);
      try {
        for await (const chunk of stream) {
          this.chunks.push(Buffer.from(chunk));
          await this.onChunk(this.received, signal);
        }
        this.taken += 1;
      } catch (error) {
        this.failures.push(error);
        throw error;
      } finally {
        this.running -= 1;
      }
    },
  };
}
