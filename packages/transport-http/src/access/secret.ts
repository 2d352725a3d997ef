/**
 * Proves to the other side of a connection that this member knows the shared secret, and that the
 * other one does, without sending it. Both sides choose a random number for each connection, so
 * nothing that was recorded on one connection is of use on another.
 *
 * opening  (client to server): magic (8 bytes), the client's number (32), the tag of the secret (32)
 * answer   (server to client): the server's number (32), the server's proof (32)
 * proof    (client to server): the client's proof (32)
 *
 * Tags and proofs are HMAC-SHA-256 with the secret as the key over a label and what was exchanged.
 * The tag says which of two secrets the client uses while the secret is being changed.
 *
 * Decision: docs/decisions/0016-closed-by-default.md.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** The first bytes of a connection that begins with a challenge. HTTP and TLS begin with others. */
export const openingMagic: Buffer = Buffer.from([0xba, 0xb2, 0x5e, 0xc0, 0, 0, 0, 1]);
export const numberBytes = 32;
export const proofBytes = 32;
export const openingBytes: number = openingMagic.length + numberBytes + proofBytes;
export const answerBytes: number = numberBytes + proofBytes;

/** The least length of a secret, in bytes: whoever sees a connection may try to guess it at leisure. */
export const secretBytesMin = 32;

/** What the client opens a connection with; `number` is a random one of `numberBytes`. */
export function openingOf(secret: Buffer, number: Buffer): Buffer {
  return Buffer.concat([openingMagic, number, mac(secret, 'tag', [number])]);
}

/** The one of these secrets that the opening was made with. */
export function secretOf(secrets: readonly Buffer[], opening: Buffer): Buffer | undefined {
  const { number, tag } = partsOf(opening);
  return secrets.find((secret) => timingSafeEqual(mac(secret, 'tag', [number]), tag));
}

/** What the server answers; `number` is a random one of its own. */
export function answerTo(opening: Buffer, secret: Buffer, number: Buffer): Buffer {
  return Buffer.concat([number, mac(secret, 'server', [opening, number])]);
}

/** The client's proof, or `undefined` where the answer does not come from one who knows the secret. */
export function proofFor(opening: Buffer, secret: Buffer, answer: Buffer): Buffer | undefined {
  const number = answer.subarray(0, numberBytes);
  const proof = answer.subarray(numberBytes, answerBytes);
  if (!timingSafeEqual(mac(secret, 'server', [opening, number]), proof)) return undefined;
  return mac(secret, 'client', [opening, number]);
}

export function isProof(opening: Buffer, secret: Buffer, answer: Buffer, proof: Buffer): boolean {
  const number = answer.subarray(0, numberBytes);
  return timingSafeEqual(mac(secret, 'client', [opening, number]), proof);
}

function partsOf(opening: Buffer): { number: Buffer; tag: Buffer } {
  const end = openingMagic.length + numberBytes;
  return { number: opening.subarray(openingMagic.length, end), tag: opening.subarray(end) };
}

function mac(secret: Buffer, label: string, parts: readonly Buffer[]): Buffer {
  const hmac = createHmac('sha256', secret).update(`babuza ${label}\0`);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}
