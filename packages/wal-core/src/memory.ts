/**
 * Memory that the caller overwrites before anybody looks at it: without the cost of zeros, and,
 * unlike small buffers of Node.js, never part of memory that is shared with others.
 */
export function uninitializedBytes(length: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
}
