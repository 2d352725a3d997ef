/**
 * The challenge by which both ends of a connection prove to each other that they know the secret.
 */
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { Random } from '@babuza/vfs';
import { readExactly } from './read-exactly.ts';
import {
  answerBytes,
  answerTo,
  isProof,
  memberOf,
  noChannel,
  numberBytes,
  openerOf,
  openingBytes,
  openingMagic,
  openingOf,
  proofBytes,
  proofFor,
  secretOf,
  type AnswerProblem,
  type ChallengedMember,
} from './secret.ts';

/**
 * Reads the challenge of the other side and answers it as `member`. Resolves to the node id that
 * the other side has proven, or to `undefined` if it does not know one of the secrets or wants to
 * reach another member. Rejects if the connection ends first.
 */
export async function answerChallenge(
  connection: Duplex,
  secrets: readonly Buffer[],
  random: Random,
  member: ChallengedMember,
): Promise<bigint | undefined> {
  const magic = await readExactly(connection, openingMagic.length);
  // Another version may have an opening of another length, so do not wait for more bytes: its
  // sender waits for the answer.
  if (!magic.equals(openingMagic)) return undefined;
  const rest = await readExactly(connection, openingBytes - openingMagic.length);
  const opening = Buffer.concat([magic, rest]);
  const secret = secretOf(secrets, opening, channelOf(connection));
  if (secret === undefined) return undefined;
  const answer = answerTo(opening, secret, randomNumber(random), member);
  connection.write(answer);
  const proof = await readExactly(connection, proofBytes);
  return isProof(opening, secret, answer, proof) ? openerOf(opening) : undefined;
}

/**
 * Why the other side is rejected, and the member that it says it is (proven unless the reason is
 * `other-secret`).
 */
export interface ChallengeProblem {
  readonly reason: AnswerProblem;
  readonly member: ChallengedMember;
}

/**
 * Challenges the other side in the name of the node `from`. Resolves to the problem if the other
 * side does not know the secret or is not the member `meant`. Otherwise sends the proof that this
 * side knows the secret and resolves to `undefined`. Rejects if the connection ends first.
 */
export async function challenge(
  connection: Duplex,
  secret: Buffer,
  random: Random,
  from: bigint,
  meant: ChallengedMember,
): Promise<ChallengeProblem | undefined> {
  const opening = openingOf(secret, randomNumber(random), from, channelOf(connection));
  connection.write(opening);
  const answer = await readExactly(connection, answerBytes);
  const proof = proofFor(opening, secret, answer, meant);
  if (typeof proof === 'string') return { reason: proof, member: memberOf(answer) };
  connection.write(proof);
  return undefined;
}

/** Keying material that only the two ends of a TLS connection share; empty without TLS. */
function channelOf(connection: Duplex): Buffer {
  if (!(connection instanceof TLSSocket)) return noChannel;
  return connection.exportKeyingMaterial(32, 'EXPORTER-babuza-challenge', Buffer.alloc(0));
}

/** A nonce: it may be public, but must never repeat. */
function randomNumber(random: Random): Buffer {
  const number = Buffer.alloc(numberBytes);
  for (let at = 0; at < numberBytes; at += 4) number.writeUInt32LE(random.uint32(), at);
  return number;
}
