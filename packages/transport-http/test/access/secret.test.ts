/** The challenge by which two members show each other that they know the secret. */
import { duplexPair, type Duplex } from 'node:stream';
import { SeededRandom } from '@babuza/testkit';
import { describe, expect, it } from 'vitest';
import { answerChallenge, challenge } from '../../src/access/challenge.ts';
import { readExactly } from '../../src/access/read-exactly.ts';
import {
  answerTo,
  isProof,
  openingBytes,
  openingMagic,
  openingOf,
  proofFor,
  secretOf,
} from '../../src/access/secret.ts';

const secret = Buffer.alloc(32, 'a secret');
const other = Buffer.alloc(32, 'another one');
const number = (fill: number): Buffer => Buffer.alloc(32, fill);

describe('the proofs of a challenge', () => {
  const opening = openingOf(secret, number(1));
  const answer = answerTo(opening, secret, number(2));

  it('are accepted by both sides where both know the secret', () => {
    expect(opening).toHaveLength(openingBytes);
    expect(secretOf([other, secret], opening)).toBe(secret);
    const proof = proofFor(opening, secret, answer);
    expect(proof !== undefined && isProof(opening, secret, answer, proof)).toBe(true);
  });

  it('do not hold the secret, and no number makes another one equal', () => {
    expect(opening.includes(secret) || answer.includes(secret)).toBe(false);
    expect(secretOf([other], opening)).toBeUndefined();
    expect(proofFor(opening, secret, answerTo(opening, other, number(2)))).toBeUndefined();
  });

  it('are of no use on a connection with other numbers', () => {
    const proof = proofFor(opening, secret, answer) ?? Buffer.alloc(0);
    const later = answerTo(opening, secret, number(3));
    expect(isProof(opening, secret, later, proof)).toBe(false);
    expect(proofFor(openingOf(secret, number(4)), secret, answer)).toBeUndefined();
  });

  it('cannot be sent back: the proof of the server is none of a client', () => {
    expect(isProof(opening, secret, answer, answer.subarray(32))).toBe(false);
  });

  it('fail with one bit of any byte changed', () => {
    const proof = proofFor(opening, secret, answer) ?? Buffer.alloc(0);
    const flipped = (bytes: Buffer, at: number): Buffer => {
      const copy = Buffer.from(bytes);
      copy[at] = (copy[at] ?? 0) ^ 1;
      return copy;
    };
    for (let at = openingMagic.length; at < opening.length; at += 1) {
      expect(secretOf([secret], flipped(opening, at))).toBeUndefined();
    }
    for (let at = 0; at < answer.length; at += 1) {
      expect(proofFor(opening, secret, flipped(answer, at))).toBeUndefined();
    }
    for (let at = 0; at < proof.length; at += 1) {
      expect(isProof(opening, secret, answer, flipped(proof, at))).toBe(false);
    }
  });
});

describe('a challenge over a connection', () => {
  const random = new SeededRandom(1);

  async function meet(theirs: Buffer, ours: readonly Buffer[]): Promise<[unknown, unknown]> {
    const [client, server] = duplexPair();
    const asked = challenge(client, theirs, random).catch((error: Error) => error.message);
    const answered = answerChallenge(server, ours, random);
    const isFine = await answered.catch((error: Error) => error.message);
    if (isFine !== true) server.end();
    return [await asked, isFine];
  }

  it('ends well with either of two secrets, and with no other one', async () => {
    expect(await meet(secret, [secret])).toEqual([true, true]);
    expect(await meet(secret, [other, secret])).toEqual([true, true]);
    expect(await meet(secret, [other])).toEqual(['the connection ended early', false]);
  });

  it('is not let in by a wrong proof', async () => {
    const [client, server] = duplexPair();
    client.write(openingOf(secret, number(1)));
    const answered = answerChallenge(server, [secret], random);
    await readExactly(client, 64);
    client.write(Buffer.alloc(32));
    expect(await answered).toBe(false);
  });

  it('leaves what comes behind it unread', async () => {
    const [client, server] = duplexPair();
    const asked = challenge(client, secret, random).then(() => client.write('GET / '));
    expect(await answerChallenge(server, [secret], random)).toBe(true);
    await asked;
    expect(String(await readExactly(server, 6))).toBe('GET / ');
  });

  it('takes it byte by byte', async () => {
    const [client, between] = duplexPair();
    const [behind, server] = duplexPair();
    const pass = (from: Duplex, to: Duplex): void =>
      void from.on('data', (chunk: Buffer) => {
        for (const byte of chunk) to.write(Buffer.of(byte));
      });
    pass(between, behind);
    pass(behind, between);
    const asked = challenge(client, secret, random);
    expect(await answerChallenge(server, [secret], random)).toBe(true);
    expect(await asked).toBe(true);
  });

  it('ends with the connection, at whatever byte it breaks', async () => {
    const opening = openingOf(secret, number(1));
    for (let bytes = 0; bytes <= openingBytes; bytes += 8) {
      const [client, server] = duplexPair();
      client.write(opening.subarray(0, bytes));
      client.end();
      const answered = answerChallenge(server, [secret], random);
      await expect(answered).rejects.toThrow('the connection ended early');
    }
  });
});
