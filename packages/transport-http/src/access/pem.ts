/** Certificates and keys as Node.js takes them. */

/** Node.js wants buffers. */
export const pem = (value: string | Uint8Array): string | Buffer =>
  typeof value === 'string' ? value : Buffer.from(value);
