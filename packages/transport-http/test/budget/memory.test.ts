/**
 * 256 hostile connections to a member in a separate process: its memory grows by at most one and a
 * half times the budget, and another member is still served. `memory-ladder.test.ts` runs each
 * attack alone.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mebibyte, messageOf, Net, until, type Member } from '../support.ts';
import { Attacker, attacks } from './attacks.ts';
import { Victim } from './victim.ts';

let net: Net;
let one: Member;
let victim: Victim;
let attacker: Attacker;
const budgetBytes = 16 * mebibyte;
/**
 * The memory of 256 connections themselves and of the allocator, which is large compared with a
 * small budget.
 */
const besideBytes = 16 * mebibyte;

beforeEach(async () => {
  net = new Net();
  one = await net.add(1n, { stallTimeoutMs: 60_000 });
  victim = await Victim.start(budgetBytes, one.address);
  attacker = new Attacker();
});
afterEach(async () => {
  attacker.end();
  victim.stop();
  await net.close();
});

async function expectHeard(): Promise<void> {
  const { heartbeats } = await victim.state();
  for (let count = heartbeats; count < heartbeats + 3;) {
    one.transport.send([messageOf(1n, 2n, 'heartbeat')]);
    ({ heartbeats: count } = await victim.state());
  }
}

/** Allocates what a member in use needs anyway before the measurement. */
async function workAsUsual(): Promise<void> {
  for (let count = 0; count < 20;) {
    one.transport.send([messageOf(1n, 2n, 'x'.repeat(mebibyte / 2))]);
    ({ heartbeats: count } = await victim.state());
  }
}

describe('256 connections with all attacks at once', () => {
  it.each([
    ['of a member', () => 3n],
    ['of nodes that the membership does not have', (number: number) => BigInt(100 + number)],
  ])('%s', async (_, idOf) => {
    one.transport.setPeer({ id: 2n, address: `127.0.0.1:${victim.port}` });
    await until(() => one.transport.counts().connectedPeers === 1);
    await workAsUsual();
    const before = await victim.state('full');
    const all = Object.values(attacks);
    await attacker.attack(victim.port, 256, (number) => {
      const attack = all[number % all.length] ?? all[0];
      return attack?.(idOf(number)) ?? Buffer.alloc(0);
    });
    const under = await victim.state();
    expect(under.rssBytes - before.rssBytes).toBeLessThan(1.5 * budgetBytes + besideBytes);
    await expectHeard();
    expect(one.transport.stats().find(({ id }) => id === 2n)?.connections).toBe(1);
  });
});
