/**
 * Room for encoded messages. A fresh `Uint8Array` of a kilobyte costs more than everything else
 * that encoding does, so middle-sized messages are cut out of a slab of 8 KiB, as Node's own
 * `Buffer` does. A byte of a slab is handed out once and never again.
 */

/** Up to this size V8 keeps an array on its own heap, which is as cheap as a view of a slab. */
const onHeapBytesMax = 64;
/** One kept message keeps its whole slab alive: small enough for that to be harmless. */
const slabBytes = 8192;
/** Larger messages would waste too much of a slab's end. */
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
