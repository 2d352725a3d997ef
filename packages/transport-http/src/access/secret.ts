/**
 * The messages of the challenge by which the two ends of a connection prove that they know the
 * shared secret without sending it. Both sides choose a nonce for each connection, so a recorded
 * exchange cannot be replayed. The proofs name the member that is wanted, so a relayed challenge
 * can reach that member only. They also name the member that connects, so the connection can speak
 * for that member only.
 *
 * opening (client to server): magic (8 bytes), nonce of the client (32), its node id (8), tag (32)
 * answer (server to client): nonce of the server (32), its cluster id, group id and node id (8
 *   each), its proof (32)
 * proof (client to server): proof of the client (32)
 *
 * Integers are big-endian. Tags and proofs are HMAC-SHA-256 with the secret as the key, over a
 * label and the messages before them. The tag tells the server which of two secrets the client uses
 * while the secret is being changed. With TLS the tag also covers keying material of the TLS
 * connection (the channel), so a man in the middle of two TLS connections cannot relay a challenge.
 *
 * Decision: docs/decisions/0016-closed-by-default.md.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * The first bytes of a connection that begins with a challenge. HTTP and TLS never begin with them.
 */
export const openingMagic: Buffer = Buffer.from([0xba, 0xb2, 0x5e, 0xc0, 0, 0, 0, 2]);
export const numberBytes = 32;
export const proofBytes = 32;
const idBytes = 8;
export const openingBytes: number = openingMagic.length + numberBytes + idBytes + proofBytes;
const memberBytes = 24;
export const answerBytes: number = numberBytes + memberBytes + proofBytes;

/**
 * The minimum length of a secret, in bytes. Anyone who has recorded a challenge can try to guess
 * the secret offline.
 */
export const secretBytesMin = 32;

/** The channel of a connection without TLS, which has no keying material. */
export const noChannel: Buffer = Buffer.alloc(0);

/**
 * The opening of the client `from`. `number` is a nonce of `numberBytes`; `channel` is the keying
 * material of the connection.
 */
export function openingOf(secret: Buffer, number: Buffer, from: bigint, channel: Buffer): Buffer {
  const id = Buffer.alloc(idBytes);
  id.writeBigUInt64BE(from);
  const said = Buffer.concat([openingMagic, number, id]);
  return Buffer.concat([said, mac(secret, 'tag', [said, channel])]);
}

/** The secret that the opening was made with on this channel, if it is one of these. */
export function secretOf(
  secrets: readonly Buffer[],
  opening: Buffer,
  channel: Buffer,
): Buffer | undefined {
  const said = opening.subarray(0, openingBytes - proofBytes);
  const tag = opening.subarray(openingBytes - proofBytes, openingBytes);
  return secrets.find((secret) => timingSafeEqual(mac(secret, 'tag', [said, channel]), tag));
}

/** The node id of the client in an opening. */
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
 * Why a client rejects an answer: the secret, cluster, group or member is not the one that it wants
 * to reach.
 */
export type AnswerProblem = 'other-secret' | 'other-cluster' | 'other-group' | 'other-node';

/** The answer of the server `member`; `number` is its nonce. */
export function answerTo(
  opening: Buffer,
  secret: Buffer,
  number: Buffer,
  member: ChallengedMember,
): Buffer {
  const said = Buffer.concat([number, encodeMember(member)]);
  return Buffer.concat([said, mac(secret, 'server', [opening, said])]);
}

/** The client's proof for the member that it wants to reach, or the reason to reject the answer. */
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

/** Whether the proof shows that the client knows the secret and accepts this answer. */
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
