/**
 * The bytes of a simulated file. Copies share their pages until one of them writes. A copy costs
 * one pointer per page, so tens of thousands of crash states are cheap.
 *
 * Invariant: bytes behind the size, within the last page, are zero.
 */

/** The size of a page in bytes; a disk allocates whole pages. */
export const PAGE_BYTES = 4096;

interface Page {
  readonly bytes: Uint8Array;
  /** The only image that may write into this page; `undefined` if the page is shared. */
  owner: PagedImage | undefined;
}

/** Bytes with a size. Holes read as zeros and take no space. */
export class PagedImage {
  #pages: (Page | undefined)[] = [];
  #size = 0;

  /** An image with a copy of these bytes. */
  static of(bytes: Uint8Array): PagedImage {
    const image = new PagedImage();
    image.write(bytes, 0);
    return image;
  }

  /** The size in bytes. */
  get size(): number {
    return this.#size;
  }

  /** The number of pages that are not holes. */
  get pageCount(): number {
    let count = 0;
    for (const page of this.#pages) if (page !== undefined) count += 1;
    return count;
  }

  /** Whether this page takes space. */
  hasPage(index: number): boolean {
    return this.#pages[index] !== undefined;
  }

  /** A copy that shares all pages. */
  clone(): PagedImage {
    const copy = new PagedImage();
    for (const page of this.#pages) if (page !== undefined) page.owner = undefined;
    copy.#pages = this.#pages.slice();
    copy.#size = this.#size;
    return copy;
  }

  /** Fills `target` from `position` on. Returns the number of bytes before the end of the file. */
  read(target: Uint8Array, position: number): number {
    const bytes = Math.max(0, Math.min(target.length, this.#size - position));
    for (let done = 0; done < bytes;) {
      const at = position + done;
      const offset = at % PAGE_BYTES;
      const run = Math.min(bytes - done, PAGE_BYTES - offset);
      const page = this.#pages[Math.floor(at / PAGE_BYTES)];
      if (page === undefined) target.fill(0, done, done + run);
      else target.set(page.bytes.subarray(offset, offset + run), done);
      done += run;
    }
    return bytes;
  }

  /** Writes at `position` and grows the file if needed. */
  write(data: Uint8Array, position: number): void {
    for (let done = 0; done < data.length;) {
      const at = position + done;
      const offset = at % PAGE_BYTES;
      const run = Math.min(data.length - done, PAGE_BYTES - offset);
      this.#ownPage(Math.floor(at / PAGE_BYTES)).set(data.subarray(done, done + run), offset);
      done += run;
    }
    if (data.length > 0) this.#size = Math.max(this.#size, position + data.length);
  }

  /** Cuts the file, or extends it with a hole. */
  truncate(bytes: number): void {
    if (bytes < this.#size) {
      const pages = Math.ceil(bytes / PAGE_BYTES);
      if (this.#pages.length > pages) this.#pages.length = pages;
      const offset = bytes % PAGE_BYTES;
      if (offset > 0 && this.#pages[pages - 1] !== undefined) {
        this.#ownPage(pages - 1).fill(0, offset);
      }
    }
    this.#size = bytes;
  }

  /** A copy of all bytes. */
  toBytes(): Uint8Array {
    const bytes = new Uint8Array(this.#size);
    this.read(bytes, 0);
    return bytes;
  }

  #ownPage(index: number): Uint8Array {
    const page = this.#pages[index];
    if (page?.owner === this) return page.bytes;
    const bytes = page === undefined ? new Uint8Array(PAGE_BYTES) : page.bytes.slice();
    while (this.#pages.length < index) this.#pages.push(undefined);
    this.#pages[index] = { bytes, owner: this };
    return bytes;
  }
}
