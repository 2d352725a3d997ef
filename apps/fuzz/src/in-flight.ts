/**
 * The input that a worker runs, in memory that the main thread sees too: it is known also where the
 * worker hangs.
 */

const headWords = 3;
const [runsAt, decoderAt, lengthAt] = [0, 1, 2];
const inputBytesMax = 256 * 1024;

export class InFlight {
  readonly buffer: SharedArrayBuffer;
  readonly #head: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(headWords * 4 + inputBytesMax)) {
    this.buffer = buffer;
    this.#head = new Int32Array(buffer, 0, headWords);
    this.#bytes = new Uint8Array(buffer, headWords * 4);
  }

  /** How many runs have begun. */
  get runs(): number {
    return Atomics.load(this.#head, runsAt);
  }

  begin(decoderNumber: number, input: Uint8Array): void {
    const kept = input.subarray(0, inputBytesMax);
    this.#bytes.set(kept);
    Atomics.store(this.#head, decoderAt, decoderNumber);
    Atomics.store(this.#head, lengthAt, kept.length);
    Atomics.add(this.#head, runsAt, 1);
  }

  /** The number of the decoder, and a copy of its input. */
  last(): { readonly decoderNumber: number; readonly input: Uint8Array } {
    const length = Atomics.load(this.#head, lengthAt);
    return {
      decoderNumber: Atomics.load(this.#head, decoderAt),
      input: Uint8Array.from(this.#bytes.subarray(0, length)),
    };
  }
}
