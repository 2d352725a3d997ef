/**
 * How much of what was written etcd would have given to the file by now. Its writer holds back up
 * to 128 KiB and then writes whole pages, so that a torn write ends at a sector; where a segment is
 * cut depends on it, because etcd looks at the offset of its file. Here no byte moves: this only
 * counts.
 *
 * Source: etcd `pkg/ioutil/pagewriter.go`, `PageWriter`.
 */
import { pageBytes, writeBufferBytes } from '../format/layout.ts';

export class PageWriter {
  /** Bytes that the file would have. */
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

  /** One call of etcd's writer: the length field of a record, or the record with its padding. */
  write(bytes: number): void {
    let rest = bytes;
    while (this.#buffered + rest > writeBufferBytes) {
      const slack = pageBytes - ((this.#fileOffset + this.#buffered) % pageBytes);
      if (slack !== pageBytes) {
        const moved = Math.min(slack, rest);
        this.#buffered += moved;
        rest -= moved;
        // Shorter than the slack: a flush now would end within a page.
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
