/** The limit on the connections of a peer, and the connection that is closed for a new one. */
import { Duplex } from 'node:stream';
import { beforeEach, expect, it } from 'vitest';
import { PeerConnections } from '../../src/budget/connections.ts';

let connections: PeerConnections;
beforeEach(() => {
  connections = new PeerConnections((id) => id < 10n);
});

class Connection extends Duplex {
  override _read(): void {}
}

function added(id: bigint): Connection {
  const connection = new Connection();
  connections.add(connection, id);
  return connection;
}

const numbersEnded = (all: readonly Connection[]): number[] =>
  all.flatMap(({ destroyed }, number) => (destroyed ? [number] : []));

it('a member has eight connections, and the oldest ends for a new one', () => {
  const other = added(3n);
  const own = Array.from({ length: 10 }, () => added(2n));
  expect(numbersEnded(own)).toEqual([0, 1]);
  expect(other.destroyed).toBe(false);
  expect(connections.count).toBe(9);
});

it('a closed connection is no longer counted', async () => {
  const own = Array.from({ length: 8 }, () => added(2n));
  own[4]?.destroy();
  await new Promise((resolve) => setImmediate(resolve));
  own.push(added(2n));
  expect(numbersEnded(own)).toEqual([4]);
});

it('a connection counts for who has spoken last on it', () => {
  const own = Array.from({ length: 8 }, () => added(2n));
  const [first] = own;
  if (first !== undefined) connections.add(first, 3n);
  own.push(added(2n));
  expect(numbersEnded(own)).toEqual([]);
});

it('all that the membership does not have share 32 places, and the one with the most makes room', () => {
  const members = Array.from({ length: 8 }, () => added(2n));
  const greedy = Array.from({ length: 8 }, () => added(70n));
  const others = Array.from({ length: 40 }, (_, number) => added(100n + BigInt(number)));
  expect(connections.count).toBe(8 + 32);
  expect(numbersEnded(members)).toEqual([]);
  // The peer with most connections keeps one; then the oldest ones are closed.
  expect(numbersEnded(greedy)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(numbersEnded(others).length).toBe(8);
  expect(others.at(-1)?.destroyed).toBe(false);
});
