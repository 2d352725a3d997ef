/**
 * Proves to the other side of a connection that this member knows the shared secret, and that the
 * other one does, without sending it. Both sides choose a random number for each connection, so
 * nothing that was recorded on one connection is of use on another. Both proofs name the member
 * that is meant, so whoever passes a challenge on reaches that member only.
 *
 * opening  (client to server): magic (8 bytes), the client's number (32), the tag of the secret
 *                              (32)
 * answer   (server to client): the server's number (32), its cluster and its id (8 bytes each, big
 *                              endian), the server's proof (32)
 * proof    (client to server): the client's proof (32)
 *
 * Tags and proofs are HMAC-SHA-256 with the secret as the key over a label and what was exchanged
 * before. The tag says which of two secrets the client uses while the secret is being changed.
 *
 * Decision: docs/decisions/0016-closed-by-default.md.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** The first bytes of a connection that begins with a challenge. HTTP and TLS begin with others. */
export const openingMagic: Buffer = Buffer.from([0xba, 0xb2, 0x5e, 0xc0, 0, 0, 0, 1]);
export const numberBytes = 32;
export const proofBytes = 32;
export const openingBytes: number = openingMagic.length + numberBytes + proofBytes;
const memberBytes = 16;
export const answerBytes: number = numberBytes + memberBytes + proofBytes;

/**
 * The least length of a secret, in bytes: whoever sees a connection may try to guess it at leisure.
 */
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

/** A member of a cluster, as the two sides of a challenge name it. */
export interface ChallengedMember {
  readonly clusterId: bigint;
  readonly nodeId: bigint;
}

/**
 * Why a client gives no proof: the secret, the cluster or the member is not the one that it means.
 */
export type AnswerProblem = 'other-secret' | 'other-cluster' | 'other-node';

/** What the server `member` answers; `number` is a random one of its own. */
export function answerTo(
  opening: Buffer,
  secret: Buffer,
  number: Buffer,
  member: ChallengedMember,
): Buffer {
  const said = Buffer.concat([number, encodeMember(member)]);
  return Buffer.concat([said, mac(secret, 'server', [opening, said])]);
}

/** The client's proof for the member that it means, or why the answer does not deserve one. */
export function proofFor(
  opening: Buffer,
  secret: Buffer,
  answer: Buffer,
  meant: ChallengedMember,
): Buffer | AnswerProblem {
  const { said, proof } = partsOfAnswer(answer);
  if (!timingSafeEqual(mac(secret, 'server', [opening, said]), proof)) return 'other-secret';
  const member = memberOf(answer);
  if (member.clusterId !== meant.clusterId) return 'other-cluster';
  if (member.nodeId !== meant.nodeId) return 'other-node';
  return mac(secret, 'client', [opening, said]);
}

/** Whether the client meant the member that gave this answer, and knows the secret. */
export function isProof(opening: Buffer, secret: Buffer, answer: Buffer, proof: Buffer): boolean {
  const { said } = partsOfAnswer(answer);
  return timingSafeEqual(mac(secret, 'client', [opening, said]), proof);
}

/** The member that an answer names. */
export function memberOf(answer: Buffer): ChallengedMember {
  const clusterId = answer.readBigUInt64BE(numberBytes);
  return { clusterId, nodeId: answer.readBigUInt64BE(numberBytes + 8) };
}

function encodeMember({ clusterId, nodeId }: ChallengedMember): Buffer {
  const bytes = Buffer.alloc(memberBytes);
  bytes.writeBigUInt64BE(clusterId, 0);
  bytes.writeBigUInt64BE(nodeId, 8);
  return bytes;
}

function partsOfAnswer(answer: Buffer): { said: Buffer; proof: Buffer } {
  const end = numberBytes + memberBytes;
  return { said: answer.subarray(0, end), proof: answer.subarray(end, answerBytes) };
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
