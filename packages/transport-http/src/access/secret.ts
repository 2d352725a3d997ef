/**
 * Proves to the other side of a connection that this member knows the shared secret, and that the
 * other one does, without sending it. Both sides choose a random number for each connection, so
 * nothing that was recorded on one connection is of use on another. Both proofs name the member
 * that is meant, so whoever passes a challenge on reaches that member only, and the member that
 * asks, so that the connection can speak for that member only.
 *
 * opening  (client to server): magic (8 bytes), the client's number (32), its id (8 bytes, big
 *                              endian as all integers), the tag of the secret (32)
 * answer   (server to client): the server's number (32), its cluster, its group and its id (8 bytes
 *                              each), the server's proof (32)
 * proof    (client to server): the client's proof (32)
 *
 * Tags and proofs are HMAC-SHA-256 with the secret as the key over a label and what was exchanged
 * before. The tag says which of two secrets the client uses while the secret is being changed. It
 * also holds the channel, which is key material of the connection of TLS where there is one, and
 * empty otherwise: who stands between two connections of TLS cannot pass a challenge on.
 *
 * Decision: docs/decisions/0016-closed-by-default.md.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** The first bytes of a connection that begins with a challenge. HTTP and TLS begin with others. */
export const openingMagic: Buffer = Buffer.from([0xba, 0xb2, 0x5e, 0xc0, 0, 0, 0, 2]);
export const numberBytes = 32;
export const proofBytes = 32;
const idBytes = 8;
export const openingBytes: number = openingMagic.length + numberBytes + idBytes + proofBytes;
const memberBytes = 24;
export const answerBytes: number = numberBytes + memberBytes + proofBytes;

/**
 * The least length of a secret, in bytes: whoever sees a connection may try to guess it at leisure.
 */
export const secretBytesMin = 32;

/** Without TLS there is nothing that one connection has and another one has not. */
export const noChannel: Buffer = Buffer.alloc(0);

/**
 * What the client `from` opens a connection with; `number` is a random one of `numberBytes`, and
 * `channel` as the head of this file says.
 */
export function openingOf(secret: Buffer, number: Buffer, from: bigint, channel: Buffer): Buffer {
  const id = Buffer.alloc(idBytes);
  id.writeBigUInt64BE(from);
  const said = Buffer.concat([openingMagic, number, id]);
  return Buffer.concat([said, mac(secret, 'tag', [said, channel])]);
}

/** The one of these secrets that the opening was made with, on this channel. */
export function secretOf(
  secrets: readonly Buffer[],
  opening: Buffer,
  channel: Buffer,
): Buffer | undefined {
  const said = opening.subarray(0, openingBytes - proofBytes);
  const tag = opening.subarray(openingBytes - proofBytes, openingBytes);
  return secrets.find((secret) => timingSafeEqual(mac(secret, 'tag', [said, channel]), tag));
}

/** The id that the client opens a connection with. */
export function openerOf(opening: Buffer): bigint {
  return opening.readBigUInt64BE(openingMagic.length + numberBytes);
}

/** A member of a cluster, as the two sides of a challenge name it. */
export interface ChallengedMember {
  readonly clusterId: bigint;
  readonly groupId: bigint;
  readonly nodeId: bigint;
}

/**
 * Why a client gives no proof: the secret, the cluster, the group or the member is not the one that
 * it means.
 */
export type AnswerProblem = 'other-secret' | 'other-cluster' | 'other-group' | 'other-node';

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
  if (member.groupId !== meant.groupId) return 'other-group';
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
  const [clusterId, groupId, nodeId] = [
    answer.readBigUInt64BE(numberBytes),
    answer.readBigUInt64BE(numberBytes + idBytes),
    answer.readBigUInt64BE(numberBytes + 2 * idBytes),
  ];
  return { clusterId, groupId, nodeId };
}

function encodeMember({ clusterId, groupId, nodeId }: ChallengedMember): Buffer {
  const bytes = Buffer.alloc(memberBytes);
  bytes.writeBigUInt64BE(clusterId, 0);
  bytes.writeBigUInt64BE(groupId, idBytes);
  bytes.writeBigUInt64BE(nodeId, 2 * idBytes);
  return bytes;
}

function partsOfAnswer(answer: Buffer): { said: Buffer; proof: Buffer } {
  const end = numberBytes + memberBytes;
  return { said: answer.subarray(0, end), proof: answer.subarray(end, answerBytes) };
}

function mac(secret: Buffer, label: string, parts: readonly Buffer[]): Buffer {
  const hmac = createHmac('sha256', secret).update(`babuza ${label}\0`);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}
