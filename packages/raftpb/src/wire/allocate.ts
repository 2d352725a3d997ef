/**
 * Allocates memory for encoded messages. A new `Uint8Array` of a kilobyte costs more than the rest
 * of the encoding, so messages of medium size are slices of a slab of 8 KiB, as in Node's own
 * `Buffer`. Each byte of a slab is used once.
 */

/** Up to this size V8 keeps an array on its own heap, which is as cheap as a slice of a slab. */
const onHeapBytesMax = 64;
/** The size of a slab. One message keeps its whole slab alive, which is harmless at this size. */
const slabBytes = 8192;
/** Larger messages would waste too much at the end of a slab. */
const slabMessageBytesMax = slabBytes / 4;

let slab = new ArrayBuffer(0);
let slabUsedBytes = 0;

/**
 * A zeroed array of `size` bytes that nobody else writes to. Its buffer may be larger and shared.
 */
export function allocate(size: number): Uint8Array {
  if (size <= onHeapBytesMax || size > slabMessageBytesMax) return new Uint8Array(size);
  if (slabUsedBytes + size > slab.byteLength) {
    slab = new ArrayBuffer(slabBytes);
    slabUsedBytes = 0;
  }
  const array = new Uint8Array(slab, slabUsedBytes, size);
  slabUsedBytes += size;
  return array;
}
