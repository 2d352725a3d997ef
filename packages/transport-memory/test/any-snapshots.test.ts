/**
 * Under any faults a snapshot arrives complete, or its sender knows that it may not have, and
 * nothing stays open.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { message, never, pair, peer, source, state } from './support.ts';

const events = fc.array(
  fc.record({
    afterMs: fc.nat(40),
    what: fc.constantFrom(
      'cut there',
      'cut back',
      'heal',
      'give up',
      'receiver ends',
      'receiver removes',
      'sender removes',
    ),
  }),
  { maxLength: 3 },
);
const faults = fc.record({
  loss: fc.constantFrom(0, 0, 0, 0.2),
  max: fc.nat(10),
});

describe('any faults while a snapshot is sent', () => {
  it('leave nothing open, never make a part look whole, and the next attempt goes on', async () => {
    const outcomes = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(events, faults, async (run, { loss, max }) => {
        const { world, a, b: first } = await pair();
        let b = first;
        const { network } = world;
        network.setFaults({ loss, delayMs: [0, max] });
        const giveUp = new AbortController();
        const { seen, open } = source();
        const sending = a.transport.sendSnapshot(message(1, 2), open, giveUp.signal).then(
          () => {
            // The stream is closed at this moment, not some time later.
            expect(seen.returned).toBe(seen.offsets.length);
            return 'taken';
          },
          (error: { code?: string }) => {
            expect(seen.returned).toBe(seen.offsets.length);
            return error.code ?? 'given up';
          },
        );
        for (const { afterMs, what } of run) {
          await world.pass(afterMs);
          if (what === 'cut there') network.cut('address-1', 'address-2');
          else if (what === 'cut back') network.cut('address-2', 'address-1');
          else if (what === 'heal') network.heal();
          else if (what === 'give up') giveUp.abort(new Error('enough'));
          else if (what === 'receiver removes') b.transport.removePeer(1n);
          else if (what === 'sender removes') a.transport.removePeer(2n);
          else await b.transport.close();
        }
        const outcome = await world.until(sending);
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        await world.pass(100);
        expect([...b.snapshot]).toEqual([...state.subarray(0, b.snapshot.length)]);
        if (outcome === 'taken') expect([...b.snapshot]).toEqual([...state]);
        // After any faults, a healthy network and a running member complete it.
        network.heal({ faults: true });
        const kept = b.snapshot;
        await b.transport.close();
        b = await world.member(2);
        b.snapshot = kept;
        a.transport.setPeer(peer(2));
        const next = source();
        await world.until(a.transport.sendSnapshot(message(1, 2), next.open, never));
        expect(next.seen.offsets).toEqual([kept.length]);
        expect([...b.snapshot]).toEqual([...state]);
        await Promise.all([a, b].map(({ transport }) => transport.close()));
        expect(world.clock.pendingCount).toBe(0);
      }),
      { numRuns: 100 },
    );
    // The runs have all three outcomes.
    for (const kind of ['taken', 'TRANSPORT_BROKEN', 'given up']) {
      expect(outcomes.get(kind) ?? 0).toBeGreaterThan(0);
    }
  });
});
