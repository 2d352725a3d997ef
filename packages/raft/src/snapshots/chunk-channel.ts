/**
 * Passes chunks from a writer to a reader, one at a time: the writer waits until its chunk was
 * taken. Overlapping writes fail the channel, for the reader as well. A chunk would be missing
 * otherwise, perhaps without notice.
 */

export class ChunkChannel implements AsyncIterable<Uint8Array> {
  #chunk: Uint8Array | undefined;
  #ended = false;
  #failure: Error | undefined;
  #isRead = false;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  /**
   * Resolves when the chunk was taken and the next one is wanted; rejects when nobody reads any
   * more.
   */
  write(chunk: Uint8Array): Promise<void> {
    const isNoticed = !this.#isRead;
    const writing = this.#write(chunk);
    // The reader gets the failure, even if the writer ignores this promise.
    if (isNoticed) writing.catch(() => undefined);
    return writing;
  }

  async #write(chunk: Uint8Array): Promise<void> {
    if (chunk.length === 0) return;
    if (this.#failure === undefined && this.#ended) {
      this.fail(new TypeError('the file is complete'));
    } else if (this.#chunk !== undefined) {
      this.fail(
        new TypeError('await each write before the next one: overlapping writes fail the file'),
      );
    }
    if (this.#failure !== undefined) throw this.#failure;
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

  /** Ends the channel with an error, for the writer and the reader. */
  fail(error: Error): void {
    this.#failure ??= error;
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
      if (chunk === undefined) {
        this.#isRead = true;
        return;
      }
      let isTaken = false;
      try {
        yield chunk;
        isTaken = true;
      } finally {
        // A reader that stops early must not keep the writer waiting.
        if (!isTaken) this.fail(new TypeError('nobody reads the file any more'));
      }
      this.#chunk = undefined;
      this.#wakeWriter?.();
    }
  }
}
