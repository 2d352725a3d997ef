/**
 * Calculates how many of the written bytes etcd would have passed to the file so far. etcd's writer
 * buffers up to 128 KiB and then writes whole pages, so that a torn write ends at a sector. etcd
 * starts a new segment based on the offset of its file, so the same calculation is needed to start
 * segments at the same records. No bytes are buffered here.
 *
 * Source: etcd `client/pkg/ioutil/pagewriter.go`, `PageWriter.Write`.
 */
import { pageBytes, writeBufferBytes } from '../format/layout.ts';

export class PageWriter {
  /** The number of bytes in the file. */
  #fileOffset: number;
  #buffered = 0;

  constructor(fileOffset: number) {
    this.#fileOffset = fileOffset;
  }

  get fileOffset(): number {
    return this.#fileOffset;
  }

  copy(): PageWriter {
    const copy = new PageWriter(this.#fileOffset);
    copy.#buffered = this.#buffered;
    return copy;
  }

  /**
   * Accounts for one call of etcd's writer, which writes either the length field of a record or the
   * record with its padding.
   */
  write(bytes: number): void {
    let rest = bytes;
    while (this.#buffered + rest > writeBufferBytes) {
      const slack = pageBytes - ((this.#fileOffset + this.#buffered) % pageBytes);
      if (slack !== pageBytes) {
        const moved = Math.min(slack, rest);
        this.#buffered += moved;
        rest -= moved;
        // The bytes do not fill the page, so etcd does not flush it.
        if (moved < slack) return;
      }
      this.flush();
      if (rest > pageBytes) {
        const direct = rest - (rest % pageBytes);
        this.#fileOffset += direct;
        rest -= direct;
      }
    }
    this.#buffered += rest;
  }

  flush(): void {
    this.#fileOffset += this.#buffered;
    this.#buffered = 0;
  }
}
