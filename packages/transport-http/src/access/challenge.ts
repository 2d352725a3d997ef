/** The two ends of a connection show each other that they know the secret. */
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
 * Reads the challenge of the other side and answers it as `member`. Resolves to the id that the
 * other side has proven to speak for, or to `undefined` where it does not know one of the secrets
 * or means another member. Rejects when the connection ends before.
 */
export async function answerChallenge(
  connection: Duplex,
  secrets: readonly Buffer[],
  random: Random,
  member: ChallengedMember,
): Promise<bigint | undefined> {
  const magic = await readExactly(connection, openingMagic.length);
  // An opening of another version may have another length: who sent it waits for its answer.
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

/** Why the other side is not spoken to, and the member that it is where it knows the secret. */
export interface ChallengeProblem {
  readonly reason: AnswerProblem;
  readonly member: ChallengedMember;
}

/**
 * Challenges the other side as the node `from`. Resolves to what is wrong with it where it does not
 * know the secret, or is another member than `meant`; otherwise it has been sent the proof that
 * this side knows the secret, and reads on. Rejects when the connection ends before.
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

/** What only the two ends of a connection of TLS have in common. */
function channelOf(connection: Duplex): Buffer {
  if (!(connection instanceof TLSSocket)) return noChannel;
  return connection.exportKeyingMaterial(32, 'EXPORTER-babuza-challenge', Buffer.alloc(0));
}

/** It need not be secret, but must never be the same again. */
function randomNumber(random: Random): Buffer {
  const number = Buffer.alloc(numberBytes);
  for (let at = 0; at < numberBytes; at += 4) number.writeUInt32LE(random.uint32(), at);
  return number;
}
