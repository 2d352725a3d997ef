/** Properties that hold under any faults of the network. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { count, message, numbersOf, pair } from './support.ts';

const share = fc.oneof(fc.constant(0), fc.double({ min: 0, max: 0.5, noNaN: true }));
const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom('send' as const, 'answer' as const) },
    fc.constantFrom('cut' as const, 'isolate' as const, 'partition' as const),
    fc.constantFrom('heal' as const, 'wait' as const, 'restart' as const),
  ),
  { maxLength: 60 },
);

describe('any faults', () => {
  it('deliver nothing that was not sent, alter nothing, keep the order, and after healing everything arrives', async () => {
    await fc.assert(
      fc.asyncProperty(
        steps,
        fc.record({ loss: share, duplication: share, reordering: fc.boolean(), max: fc.nat(30) }),
        async (run, { max, ...faults }) => {
          const { world, a, b: first } = await pair();
          let b = first;
          const lives = [b];
          const { network } = world;
          network.setFaults({ ...faults, delayMs: [0, max] });
          const sent = { a: 0, b: 0 };
          for (const step of run) {
            if (step === 'send') a.transport.send([numbered(1, 2, (sent.a += 1))]);
            else if (step === 'answer') b.transport.send([numbered(2, 1, (sent.b += 1))]);
            else if (step === 'cut') network.cut('address-1', 'address-2');
            else if (step === 'isolate') network.isolate('address-2');
            else if (step === 'partition') network.partition(['address-1'], ['address-2']);
            else if (step === 'heal') network.heal();
            else if (step === 'wait') await world.pass(7);
            else {
              await b.transport.close();
              b = await world.member(2);
              b.transport.setPeer({ id: 1n, address: 'address-1' });
              lives.push(b);
            }
          }
          await world.pass(100);
          for (const { received } of [a, ...lives]) {
            const isFromA = received !== a.received;
            for (const arrived of received) {
              expect(arrived).toEqual(numbered(isFromA ? 1 : 2, isFromA ? 2 : 1, arrived.commit));
              expect(arrived.commit).toBeLessThanOrEqual(isFromA ? sent.a : sent.b);
            }
          }
          if (!faults.reordering) {
            for (const numbers of [numbersOf(a), lives.flatMap(numbersOf)]) {
              expect(numbers).toEqual(numbers.toSorted((x, y) => x - y));
            }
          }
          const { sent: all, duplicated, ...outcomes } = network.counts;
          expect(all).toBe(sent.a + sent.b);
          expect(Object.values(outcomes).reduce((sum, some) => sum + some)).toBe(all + duplicated);
          if (faults.loss === 0 && !run.some((step) => step !== 'send' && step !== 'wait')) {
            expect(new Set(numbersOf(b)).size).toBe(sent.a);
          }
          network.heal({ faults: true });
          b.received.length = 0;
          a.transport.send(count(20).map((number) => message(1, 2, number)));
          await world.pass(0);
          expect(numbersOf(b)).toEqual(count(20));
          await Promise.all([a, ...lives].map(({ transport }) => transport.close()));
          expect(world.clock.pendingCount).toBe(0);
        },
      ),
      { numRuns: 100 },
    );
  });
});

/** A message whose bytes follow from its number. */
function numbered(from: number, to: number, number: number) {
  const context = Uint8Array.of(number, from, 255 - number);
  return { ...message(from, to, number), context };
}
