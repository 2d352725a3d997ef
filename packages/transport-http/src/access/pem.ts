/** Certificates and keys in the form that Node.js accepts. */

/** Node.js accepts a `Buffer`, but not every `Uint8Array`. */
export const pem = (value: string | Uint8Array): string | Buffer =>
  typeof value === 'string' ? value : Buffer.from(value);
