/** Which terms of other nodes are taken, at the bounds and over time. */
import { EntryType, MessageType, newMessage } from '@babuza/raftpb';
import { SimulatedClock } from '@babuza/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { TermLimits } from '../src/incoming/term-limits.ts';

let clock: SimulatedClock;
let own: number;
let limits: TermLimits;

beforeEach(() => {
  clock = new SimulatedClock();
  own = 7;
  limits = new TermLimits(clock, () => own);
});

const ofTerm = (term: number): ReturnType<typeof newMessage> =>
  newMessage({ type: MessageType.PreVote, from: 2n, to: 1n, term });
const refusal = (term: number): string | undefined => limits.refusal(ofTerm(term))?.kind;
/** The core takes this term. */
function adopt(term: number): void {
  expect(refusal(term)).toBe(undefined);
  own = term;
}

describe('a term', () => {
  it.each([2 ** 53 - 1, 2 ** 52 + 1, Number.MAX_VALUE, Number.NaN])('of %d is refused', (term) => {
    own = 2 ** 52;
    expect(refusal(term)).toBe('term');
  });

  it('of 2^52 is taken where this node is near to it', () => {
    own = 2 ** 52 - 1;
    expect(refusal(2 ** 52)).toBe(undefined);
  });

  it('is taken from 2^32 above a node without a term on, and no further', () => {
    own = 0;
    expect(refusal(2 ** 32 + 1)).toBe('term');
    expect(refusal(2 ** 32)).toBe(undefined);
  });

  it('more than 2^32 above the own one is refused whatever the allowance', async () => {
    expect(refusal(own + 2 ** 32 + 1)).toBe('term');
    expect(refusal(own + 2 ** 32)).toBe('term-jump');
  });

  it('counts wherever it stands in a message', () => {
    const term = own;
    const entry = { index: 2, term: 2 ** 53 - 1, type: EntryType.Normal };
    const confState = { voters: [], learners: [], votersOutgoing: [], learnersNext: [] };
    const metadata = { index: 1, term: 2 ** 53 - 1, confState: { ...confState, autoLeave: false } };
    for (const part of [
      { logTerm: 2 ** 53 - 1 },
      { entries: [{ ...entry, index: 1, term: 1 }, entry] },
      { snapshot: { metadata } },
    ]) {
      const message = newMessage({ type: MessageType.App, from: 2n, to: 1n, term, ...part });
      expect(limits.refusal(message)?.kind).toBe('term');
    }
  });
});

describe('the allowance', () => {
  it('is 2^28 terms, for all senders together', () => {
    expect(refusal(own + 2 ** 28 + 1)).toBe('term-jump');
    limits = new TermLimits(clock, () => own);
    adopt(own + 2 ** 28);
    expect(refusal(own + 2)).toBe('term-jump');
  });

  it('does not matter for a rise by one term', () => {
    adopt(own + 2 ** 28);
    for (let election = 0; election < 100; election += 1) adopt(own + 1);
  });

  it('grows back by one term per millisecond, and not above 2^28', async () => {
    adopt(own + 2 ** 28);
    await clock.advance(1000);
    adopt(own + 1000);
    expect(refusal(own + 2)).toBe('term-jump');
    limits = new TermLimits(clock, () => own);
    await clock.advance(100_000);
    expect(refusal(own + 2 ** 28 + 1)).toBe('term-jump');
  });

  it('is needed once for a term that is claimed again and again', () => {
    const claimed = own + 2 ** 28;
    for (let times = 0; times < 10; times += 1) expect(refusal(claimed)).toBe(undefined);
  });

  it('is not needed for terms that this node has reached by itself', () => {
    own += 2 ** 30;
    adopt(own + 2 ** 28);
  });

  it('lets an honest member in that a hostile one has raised as far as it could', async () => {
    // The others have used all of their allowance for that member, and it campaigns on.
    let claimed = own + 2 ** 28;
    let waitedMs = 0;
    do {
      claimed += 1;
      waitedMs += 1000;
      await clock.advance(1000);
    } while (refusal(claimed) !== undefined);
    expect(waitedMs).toBeLessThanOrEqual(5000);
  });

  it('does not go on growing when nothing was refused for a minute', async () => {
    expect(refusal(own + 2 ** 28 + 50_000)).toBe('term-jump');
    await clock.advance(60_001);
    expect(refusal(own + 2 ** 28 + 50_000)).toBe('term-jump');
    await clock.advance(50_000);
    expect(refusal(own + 2 ** 28 + 50_000)).toBe(undefined);
  });

  it('makes up for years of campaigns of a member that was cut off', () => {
    const electionTimeoutsOfEightYears = 8 * 365 * 86_400;
    adopt(own + electionTimeoutsOfEightYears);
  });
});

it('a hostile member needs more than 100,000 years to the last term', async () => {
  let raised = 0;
  for (let hour = 0; hour < 20; hour += 1) {
    for (let step = 2 ** 32; step >= 1024; step /= 2) {
      while (refusal(own + step) === undefined) {
        own += step;
        raised += step;
      }
    }
    await clock.advance(3_600_000);
  }
  const perHour = (raised - 2 ** 28) / 19;
  expect((2 ** 52 - 2 ** 28) / perHour / 24 / 365.25).toBeGreaterThan(100_000);
});
