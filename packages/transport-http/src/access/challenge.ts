/** The two ends of a connection show each other that they know the secret. */
import type { Duplex } from 'node:stream';
import type { Random } from '@babuza/vfs';
import { readExactly } from './read-exactly.ts';
import {
  answerBytes,
  answerTo,
  isProof,
  numberBytes,
  openingBytes,
  openingMagic,
  openingOf,
  proofBytes,
  proofFor,
  secretOf,
} from './secret.ts';

/**
 * Reads the challenge of the other side, answers it, and tells whether it knows one of the secrets.
 * Rejects when the connection ends before.
 */
export async function answerChallenge(
  connection: Duplex,
  secrets: readonly Buffer[],
  random: Random,
): Promise<boolean> {
  const opening = await readExactly(connection, openingBytes);
  if (!opening.subarray(0, openingMagic.length).equals(openingMagic)) return false;
  const secret = secretOf(secrets, opening);
  if (secret === undefined) return false;
  const answer = answerTo(opening, secret, randomNumber(random));
  connection.write(answer);
  return isProof(opening, secret, answer, await readExactly(connection, proofBytes));
}

/**
 * Challenges the other side. Resolves to false where it does not know the secret; otherwise it has been
 * sent the proof that this side does, and reads on. Rejects when the connection ends before.
 */
export async function challenge(
  connection: Duplex,
  secret: Buffer,
  random: Random,
): Promise<boolean> {
  const opening = openingOf(secret, randomNumber(random));
  connection.write(opening);
  const proof = proofFor(opening, secret, await readExactly(connection, answerBytes));
  if (proof === undefined) return false;
  connection.write(proof);
  return true;
}

/** It need not be secret, but must never be the same again. */
function randomNumber(random: Random): Buffer {
  const number = Buffer.alloc(numberBytes);
  for (let at = 0; at < numberBytes; at += 4) number.writeUInt32LE(random.uint32(), at);
  return number;
}
