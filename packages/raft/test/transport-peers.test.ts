/** The transport is told which members to reach, and which were removed. */
import { beforeEach, expect, it } from 'vitest';
import {
  changedMembership,
  firstMembership,
  type MembershipOperation,
} from '../src/membership/membership.ts';
import { ReplicatedState } from '../src/apply/replicated-state.ts';
import { TransportPeers } from '../src/driver/transport-peers.ts';
import { PlainSessions } from './support.ts';

let state: ReplicatedState;
let told: string[];
let peers: TransportPeers;

beforeEach(() => {
  told = [];
  state = new ReplicatedState(new PlainSessions());
  state.membership = firstMembership([
    { id: 1n, address: 'address-1' },
    { id: 2n, address: 'address-2' },
    { id: 3n, address: 'address-3', role: 'learner' },
  ]);
  peers = new TransportPeers(1n, state, {
    setPeer: ({ id, address }: { id: bigint; address: string }) =>
      void told.push(`${id} ${address}`),
    removePeer: (id: bigint) => void told.push(`not ${id}`),
  } as never);
});

function change(...operations: MembershipOperation[]): void {
  const next = changedMembership(state.membership, operations);
  if (typeof next === 'string') throw new Error(next);
  state.membership = next;
  peers.changed(operations);
}

it('all but this node are reported, learners too, and removed members once', () => {
  peers.tellAll();
  expect(told).toEqual(['2 address-2', '3 address-3']);
  change({ op: 'remove', id: 3n });
  told.length = 0;
  // A snapshot was installed, so the membership may be another one than before.
  peers.tellAll();
  expect(told).toEqual(['2 address-2', 'not 3']);
});

it('a member is told with its newest address, whatever of it has changed', () => {
  change({ op: 'address', id: 2n, address: 'moved-2' });
  change({ op: 'set', id: 4n, role: 'learner', address: 'address-4' });
  change({ op: 'set', id: 4n, role: 'voter' }, { op: 'address', id: 4n, address: 'moved-4' });
  expect(told).toEqual(['2 moved-2', '4 address-4', '4 moved-4', '4 moved-4']);
});

it('a member that was removed is told, and one that was added and removed in one change', () => {
  change({ op: 'remove', id: 2n });
  change({ op: 'set', id: 5n, role: 'learner', address: 'address-5' }, { op: 'remove', id: 5n });
  expect(told).toEqual(['not 2', 'not 5', 'not 5']);
});

it('this node is never told: neither when it changes nor when it is removed', () => {
  change({ op: 'address', id: 1n, address: 'moved-1' });
  change({ op: 'remove', id: 1n });
  expect(told).toEqual([]);
});
