/** The two ends of a connection show each other that they know the secret. */
import type { Duplex } from 'node:stream';
import type { Random } from '@babuza/vfs';
import { readExactly } from './read-exactly.ts';
import {
  answerBytes,
  answerTo,
  isProof,
  memberOf,
  numberBytes,
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
 * Reads the challenge of the other side, answers it as `member`, and tells whether the other side
 * knows one of the secrets and means that member. Rejects when the connection ends before.
 */
export async function answerChallenge(
  connection: Duplex,
  secrets: readonly Buffer[],
  random: Random,
  member: ChallengedMember,
): Promise<boolean> {
  const opening = await readExactly(connection, openingBytes);
  if (!opening.subarray(0, openingMagic.length).equals(openingMagic)) return false;
  const secret = secretOf(secrets, opening);
  if (secret === undefined) return false;
  const answer = answerTo(opening, secret, randomNumber(random), member);
  connection.write(answer);
  return isProof(opening, secret, answer, await readExactly(connection, proofBytes));
}

/** Why the other side is not spoken to, and the member that it is where it knows the secret. */
export interface ChallengeProblem {
  readonly reason: AnswerProblem;
  readonly member: ChallengedMember;
}

/**
 * Challenges the other side. Resolves to what is wrong with it where it does not know the secret,
 * or is another member than `meant`; otherwise it has been sent the proof that this side knows the
 * secret, and reads on. Rejects when the connection ends before.
 */
export async function challenge(
  connection: Duplex,
  secret: Buffer,
  random: Random,
  meant: ChallengedMember,
): Promise<ChallengeProblem | undefined> {
  const opening = openingOf(secret, randomNumber(random));
  connection.write(opening);
  const answer = await readExactly(connection, answerBytes);
  const proof = proofFor(opening, secret, answer, meant);
  if (typeof proof === 'string') return { reason: proof, member: memberOf(answer) };
  connection.write(proof);
  return undefined;
}

/** It need not be secret, but must never be the same again. */
function randomNumber(random: Random): Buffer {
  const number = Buffer.alloc(numberBytes);
  for (let at = 0; at < numberBytes; at += 4) number.writeUInt32LE(random.uint32(), at);
  return number;
}
