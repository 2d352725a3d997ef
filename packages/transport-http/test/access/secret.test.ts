/** The challenge by which two members prove to each other that they know the secret. */
import { duplexPair, type Duplex } from 'node:stream';
import { SeededRandom } from '@babuza/testkit';
import { describe, expect, it } from 'vitest';
import { answerChallenge, challenge } from '../../src/access/challenge.ts';
import { readExactly } from '../../src/access/read-exactly.ts';
import {
  answerBytes,
  answerTo,
  isProof,
  noChannel,
  openerOf,
  openingBytes,
  openingOf,
  proofFor,
  secretOf,
} from '../../src/access/secret.ts';

const secret = Buffer.alloc(32, 'a secret');
const other = Buffer.alloc(32, 'another one');
/** The member that answers, which is also the one that the client wants to reach. */
const member = { clusterId: 9n, groupId: 5n, nodeId: 3n };
/** The node that connects. */
const self = 2n;
const number = (fill: number): Buffer => Buffer.alloc(32, fill);

describe('the proofs of a challenge', () => {
  const opening = openingOf(secret, number(1), self, noChannel);
  const answer = answerTo(opening, secret, number(2), member);

  function provenBy(answered: Buffer, meant = member): Buffer {
    const proof = proofFor(opening, secret, answered, meant);
    if (typeof proof === 'string') throw new Error(`no proof: ${proof}`);
    return proof;
  }

  it('are accepted by both sides where both know the secret', () => {
    expect(opening).toHaveLength(openingBytes);
    expect(secretOf([other, secret], opening, noChannel)).toBe(secret);
    const proof = provenBy(answer);
    expect(isProof(opening, secret, answer, proof)).toBe(true);
  });

  it('do not hold the secret, and no number makes another one equal', () => {
    expect(opening.includes(secret) || answer.includes(secret)).toBe(false);
    expect(secretOf([other], opening, noChannel)).toBeUndefined();
    const stranger = answerTo(opening, other, number(2), member);
    expect(proofFor(opening, secret, stranger, member)).toBe('other-secret');
  });

  it('are of no use on a connection with other numbers', () => {
    const proof = provenBy(answer);
    const later = answerTo(opening, secret, number(3), member);
    expect(isProof(opening, secret, later, proof)).toBe(false);
    expect(proofFor(openingOf(secret, number(4), self, noChannel), secret, answer, member)).toBe(
      'other-secret',
    );
  });

  it.each([
    ['other-node', { ...member, nodeId: 2n }],
    ['other-cluster', { ...member, clusterId: 8n }],
    // The right ids at the wrong positions.
    ['other-cluster', { ...member, clusterId: member.nodeId, nodeId: member.clusterId }],
    ['other-group', { ...member, groupId: 4n }],
    ['other-group', { ...member, groupId: member.nodeId, nodeId: member.groupId }],
  ])('are given to the member that is meant only: %s', (reason, meant) => {
    expect(proofFor(opening, secret, answer, meant)).toBe(reason);
  });

  it('are of no use at another member or in another cluster', () => {
    const high = 2n ** 64n - 1n;
    const others = [
      { ...member, nodeId: 2n },
      { ...member, nodeId: high },
      { ...member, clusterId: 8n },
      { ...member, groupId: 4n },
      { clusterId: high, groupId: high, nodeId: high },
    ];
    for (const each of others) {
      const elsewhere = answerTo(opening, secret, number(2), each);
      // A relay can change the names in the answer, but not its proof.
      const renamed = Buffer.concat([answer.subarray(0, -32), elsewhere.subarray(-32)]);
      expect(proofFor(opening, secret, renamed, member)).toBe('other-secret');
      expect(isProof(opening, secret, elsewhere, provenBy(answer))).toBe(false);
      expect(isProof(opening, secret, elsewhere, provenBy(elsewhere, each))).toBe(true);
    }
  });

  it('cannot be sent back: the proof of the server is not a proof of a client', () => {
    expect(isProof(opening, secret, answer, answer.subarray(-32))).toBe(false);
  });

  it.each([0n, 3n, 2n ** 64n - 1n])('name the node that asks: not %i in place of it', (id) => {
    expect(openerOf(opening)).toBe(self);
    const asked = openingOf(secret, number(1), id, noChannel);
    expect(openerOf(asked)).toBe(id);
    const named = asked.subarray(0, -32);
    const renamed = Buffer.concat([named, opening.subarray(-32)]);
    expect(secretOf([secret], renamed, noChannel)).toBeUndefined();
    expect(isProof(asked, secret, answer, provenBy(answer))).toBe(false);
  });

  it.each([
    ['another connection of TLS', Buffer.alloc(32, 1), Buffer.alloc(32, 2)],
    ['a connection of TLS, from one without', noChannel, Buffer.alloc(32, 1)],
    ['a connection without TLS, from one with it', Buffer.alloc(32, 1), noChannel],
  ])('are of no use on %s', (_, asked, there) => {
    const made = openingOf(secret, number(1), self, asked);
    expect(secretOf([secret], made, asked)).toBe(secret);
    expect(secretOf([secret], made, there)).toBeUndefined();
  });

  it('fail with one bit of any byte changed', () => {
    const proof = provenBy(answer);
    const flipped = (bytes: Buffer, at: number): Buffer => {
      const copy = Buffer.from(bytes);
      copy[at] = (copy[at] ?? 0) ^ 1;
      return copy;
    };
    for (let at = 0; at < opening.length; at += 1) {
      expect(secretOf([secret], flipped(opening, at), noChannel)).toBeUndefined();
    }
    for (let at = 0; at < answer.length; at += 1) {
      expect(proofFor(opening, secret, flipped(answer, at), member)).toBe('other-secret');
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
    const asked = challenge(client, theirs, random, self, member).catch(
      (error: Error) => error.message,
    );
    const answered = answerChallenge(server, ours, random, member);
    const isFine = await answered.catch((error: Error) => error.message);
    if (isFine !== self) server.end();
    return [await asked, isFine];
  }

  it('ends well with either of two secrets, and with no other one', async () => {
    expect(await meet(secret, [secret])).toEqual([undefined, self]);
    expect(await meet(secret, [other, secret])).toEqual([undefined, self]);
    expect(await meet(secret, [other])).toEqual(['the connection ended early', undefined]);
  });

  it('is not let in by a wrong proof', async () => {
    const [client, server] = duplexPair();
    client.write(openingOf(secret, number(1), self, noChannel));
    const answered = answerChallenge(server, [secret], random, member);
    await readExactly(client, answerBytes);
    client.write(Buffer.alloc(32));
    expect(await answered).toBeUndefined();
  });

  it('ends without a proof at a member that was not meant', async () => {
    const [client, server] = duplexPair();
    const asked = challenge(client, secret, random, self, { ...member, nodeId: 2n });
    const answered = answerChallenge(server, [secret], random, member);
    expect(await asked).toEqual({ reason: 'other-node', member });
    client.end();
    await expect(answered).rejects.toThrow('the connection ended early');
  });

  it('leaves what comes behind it unread', async () => {
    const [client, server] = duplexPair();
    const asked = challenge(client, secret, random, self, member).then(() =>
      client.write('GET / '),
    );
    expect(await answerChallenge(server, [secret], random, member)).toBe(self);
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
    const asked = challenge(client, secret, random, self, member);
    expect(await answerChallenge(server, [secret], random, member)).toBe(self);
    expect(await asked).toBeUndefined();
  });

  it('ends with the connection, at whatever byte it breaks', async () => {
    const opening = openingOf(secret, number(1), self, noChannel);
    for (let bytes = 0; bytes <= openingBytes; bytes += 8) {
      const [client, server] = duplexPair();
      client.write(opening.subarray(0, bytes));
      client.end();
      const answered = answerChallenge(server, [secret], random, member);
      await expect(answered).rejects.toThrow('the connection ended early');
    }
  });
});
