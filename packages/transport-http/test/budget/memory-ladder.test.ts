/** Each attack alone, with 256 connections, with a small budget and with the default one. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mebibyte, messageOf, Net, until, type Member } from '../support.ts';
import { Attacker, attacks } from './attacks.ts';
import { Victim } from './victim.ts';

let net: Net;
let one: Member;
let victim: Victim | undefined;
let attacker: Attacker;
beforeEach(async () => {
  net = new Net();
  one = await net.add(1n, { stallTimeoutMs: 60_000 });
  attacker = new Attacker();
});
afterEach(async () => {
  attacker.end();
  victim?.stop();
  await net.close();
});

async function sendUntil(count: number, text: string, to: Victim): Promise<void> {
  const { heartbeats } = await to.state();
  for (let now = heartbeats; now < heartbeats + count;) {
    one.transport.send([messageOf(1n, 2n, text)]);
    ({ heartbeats: now } = await to.state());
  }
}

describe.each([16, 128])('with a budget of %i MiB', (budgetMebibytes) => {
  const cases = Object.entries(attacks).flatMap(([name, bytesOf]) => [
    { name, bytesOf, who: 'a member', idOf: () => 3n },
    { name, bytesOf, who: 'unknown nodes', idOf: (number: number) => BigInt(100 + number) },
  ]);
  // All reserved memory is released between the rounds. The memory of the connections themselves,
  // of Node.js and of the allocator matters only if the budget is small.
  const besideBytes = budgetMebibytes < 128 ? 32 * mebibyte : 0;
  it.each(cases)('$name of $who', async ({ bytesOf, idOf }) => {
    const started = await Victim.start(budgetMebibytes * mebibyte, one.address);
    victim = started;
    one.transport.setPeer({ id: 2n, address: `127.0.0.1:${started.port}` });
    await until(() => one.transport.counts().connectedPeers === 1);
    await sendUntil(20, 'x'.repeat(mebibyte / 2), started);
    const before = await started.state('full');
    for (let round = 1; round <= 4; round += 1) {
      await attacker.attack(started.port, 256, (number) => bytesOf(idOf(number)));
      const { rssBytes } = await started.state();
      const growthBytes = rssBytes - before.rssBytes;
      expect(growthBytes).toBeLessThan(1.5 * budgetMebibytes * mebibyte + besideBytes);
      await sendUntil(3, 'heartbeat', started);
      expect(one.transport.stats().find(({ id }) => id === 2n)?.connections).toBe(1);
      attacker.end();
    }
  });
});
