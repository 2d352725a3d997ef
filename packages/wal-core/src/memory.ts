/**
 * Allocates memory that the caller overwrites before anybody reads it. It saves the cost of
 * zeroing, and unlike small buffers of Node.js it is never a part of memory that others share.
 */
export function uninitializedBytes(length: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
}
