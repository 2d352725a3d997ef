/** Chunks from someone who writes to someone who reads, one at a time: the writer waits until its chunk was taken. */

export class ChunkChannel implements AsyncIterable<Uint8Array> {
  #chunk: Uint8Array | undefined;
  #ended = false;
  #failure: Error | undefined;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  /** Resolves when the chunk was taken and the next one is wanted; rejects when nobody reads any more. */
  async write(chunk: Uint8Array): Promise<void> {
    if (chunk.length === 0) return;
    if (this.#ended) throw this.#failure ?? new TypeError('the file is complete');
    if (this.#chunk !== undefined)
      throw new TypeError('write again when the write before has resolved');
    this.#chunk = chunk;
    this.#wakeReader?.();
    await new Promise<void>((resolve) => {
      this.#wakeWriter = resolve;
    });
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** No more chunks come. */
  end(): void {
    this.#ended = true;
    this.#wakeReader?.();
  }

  /** Nobody reads any more. */
  fail(error: Error): void {
    this.#failure = error;
    this.#ended = true;
    this.#wakeWriter?.();
    this.#wakeReader?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    for (;;) {
      if (this.#chunk === undefined && !this.#ended) {
        await new Promise<void>((resolve) => {
          this.#wakeReader = resolve;
        });
      }
      if (this.#failure !== undefined) throw this.#failure;
      const chunk = this.#chunk;
      if (chunk === undefined) return;
      yield chunk;
      this.#chunk = undefined;
      this.#wakeWriter?.();
    }
  }
}
