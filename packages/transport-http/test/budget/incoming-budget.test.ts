/** The order in which memory for large frames is granted, and how it is released. */
import { SimulatedClock } from '@babuza/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { IncomingBudget, type Claim } from '../../src/budget/incoming-budget.ts';

let clock: SimulatedClock;
let log: string[];
let members: Set<bigint>;
beforeEach(() => {
  [clock, log, members] = [new SimulatedClock(), [], new Set([2n, 3n])];
});

/** 900 bytes for two members and the guests: 300 for each. */
function budgetOf(frameBytesMax = 200, bytesMax = 900): IncomingBudget {
  return new IncomingBudget({
    clock,
    bytesMax,
    frameBytesMax,
    patienceMs: 1000,
    isMember: (id) => members.has(id),
    memberCount: () => members.size,
  });
}

const claimOf = (budget: IncomingBudget, from: bigint, name = String(from)): Claim =>
  budget.newClaim(
    from,
    () => void log.push(`${name} granted`),
    () => void log.push(`${name} ended`),
  );

describe('a share of the memory', () => {
  it.each([
    [99, true],
    [100, true],
    [101, false],
  ])('of 300 bytes has a place for %i bytes beside 200: %s', (bytes, isGranted) => {
    const budget = budgetOf();
    expect(claimOf(budget, 2n).ask(200)).toBe(true);
    expect(claimOf(budget, 2n).ask(bytes)).toBe(isGranted);
    expect(budget.usedBytes).toBe(isGranted ? 200 + bytes : 200);
  });

  it('of one member that is used up keeps no other member waiting', () => {
    const budget = budgetOf();
    for (let count = 0; count < 24; count += 1) claimOf(budget, 2n).ask(200);
    expect(budget.usedBytes).toBe(200);
    expect(claimOf(budget, 3n).ask(200)).toBe(true);
    expect(claimOf(budget, 70n).ask(200)).toBe(true);
  });

  it('is one frame at a time for all together that the membership does not have', () => {
    const budget = budgetOf();
    const first = claimOf(budget, 70n);
    expect(first.ask(1)).toBe(true);
    expect(claimOf(budget, 71n).ask(1)).toBe(false);
    first.release();
    expect(log).toEqual(['71 granted']);
    members.add(70n);
    expect(claimOf(budget, 70n).ask(200)).toBe(true);
  });

  it('is a whole frame also where the parts would be smaller', () => {
    const budget = budgetOf(800);
    expect(budget.frameBytesMaxOf(2n)).toBe(800);
    expect(claimOf(budget, 2n).ask(800)).toBe(true);
    expect(budgetOf(200).frameBytesMaxOf(2n)).toBe(300);
    expect(budgetOf(200).frameBytesMaxOf(70n)).toBe(200);
  });
});

describe('the whole memory', () => {
  it.each([
    [899, true],
    [900, true],
    [901, false],
  ])('of 900 bytes takes %i together: %s', (bytes, isGranted) => {
    const budget = budgetOf(800);
    claimOf(budget, 2n).ask(100);
    expect(claimOf(budget, 3n).ask(bytes - 100)).toBe(isGranted);
  });

  it('is granted in the order in which it was asked for, and nothing small passes a large one', () => {
    const budget = budgetOf(800);
    const holder = claimOf(budget, 2n);
    holder.ask(800);
    expect(claimOf(budget, 3n).ask(800)).toBe(false);
    expect(claimOf(budget, 70n).ask(100)).toBe(false);
    holder.release();
    expect(log).toEqual(['3 granted', '70 granted']);
    expect([budget.usedBytes, budget.waiting]).toEqual([900, 0]);
  });

  it('is what it was once all is given back, in any order and more than once', () => {
    const budget = budgetOf();
    const claims = [2n, 2n, 3n, 3n, 70n, 71n].map((id) => claimOf(budget, id));
    for (const claim of claims) claim.ask(200);
    for (const claim of [...claims].reverse()) {
      claim.release();
      claim.release();
    }
    expect([budget.usedBytes, budget.waiting]).toEqual([0, 0]);
    expect(claims.map((claim) => claim.ask(100))).toEqual([true, true, true, true, true, false]);
  });

  it('is not granted to who gave up waiting', () => {
    const budget = budgetOf();
    const holder = claimOf(budget, 2n, 'holder');
    const [first, second] = [claimOf(budget, 2n, 'first'), claimOf(budget, 2n, 'second')];
    for (const claim of [holder, first, second]) claim.ask(200);
    first.release();
    holder.release();
    expect(log).toEqual(['second granted']);
  });

  it('is granted to the next one by who is granted, and is done at once', () => {
    const budget = budgetOf();
    const holder = claimOf(budget, 2n);
    const order: number[] = [];
    const claims = Array.from({ length: 1000 }, (_, number): Claim => {
      const claim: Claim = budget.newClaim(
        2n,
        () => {
          order.push(number);
          claim.release();
        },
        () => undefined,
      );
      return claim;
    });
    for (const claim of [holder, ...claims]) claim.ask(200);
    holder.release();
    expect(order).toEqual(claims.map((_, number) => number));
    expect(budget.usedBytes).toBe(0);
  });
});

describe('a frame that does not arrive', () => {
  it.each<[string, bigint, number, string[]]>([
    ['its own member waits', 2n, 200, ['holder ended', 'waiter granted']],
    ['another member waits for the whole', 3n, 800, ['holder ended', 'waiter granted']],
    ['nobody waits', 3n, 100, []],
  ])('is ended after a while where %s', async (_, from, bytes, expected) => {
    const budget = budgetOf(800);
    claimOf(budget, 2n, 'holder').ask(700);
    claimOf(budget, from, 'waiter').ask(bytes);
    budget.pulse(clock.monotonicMs());
    expect(log).toEqual([]);
    await clock.advance(1000);
    budget.pulse(clock.monotonicMs());
    expect([...log].sort()).toEqual(expected);
  });

  it('is the oldest one, and none that has arrived and waits for this side', async () => {
    const budget = budgetOf(100);
    const [complete, first, second] = ['complete', 'first', 'second'].map((name) =>
      claimOf(budget, 2n, name),
    );
    for (const claim of [complete, first, second]) claim?.ask(100);
    if (complete !== undefined) complete.isComplete = true;
    claimOf(budget, 2n, 'waiter').ask(100);
    await clock.advance(1000);
    budget.pulse(clock.monotonicMs());
    expect([...log].sort()).toEqual(['first ended', 'waiter granted']);
  });
});
