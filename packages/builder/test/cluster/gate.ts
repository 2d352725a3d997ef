/** A gate that lets callers pass, or holds them until it is opened again. */
export class Gate {
  #opened: Promise<void> | undefined;
  #open: () => void = () => undefined;

  get isClosed(): boolean {
    return this.#opened !== undefined;
  }

  close(): void {
    this.#opened ??= new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  open(): void {
    this.#opened = undefined;
    this.#open();
  }

  async whenOpen(): Promise<void> {
    while (this.#opened !== undefined) await this.#opened;
  }
}
