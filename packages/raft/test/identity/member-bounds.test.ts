/**
 * Which members are admitted, around each bound, and how much is remembered of nodes that are not
 * members.
 */
import { EntryType, type Entry } from '@babuza/raftpb';
import { SimulatedClock } from '@babuza/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { marksOf } from '../../src/identity/entry-marks.ts';
import { IdentityKeeper } from '../../src/identity/identity-keeper.ts';
import {
  decodeIntroduction,
  encodeIntroduction,
  type Introduction,
} from '../../src/identity/introduction.ts';
import { MemberAdmission } from '../../src/identity/member-admission.ts';
import { firstMembership } from '../../src/membership/membership.ts';
import { ReplicatedState } from '../../src/apply/replicated-state.ts';
import { PlainSessions } from '../support.ts';

const hex = (digit: string): string => digit.repeat(32);
const lastIndex = 20;

let clock: SimulatedClock;
let state: ReplicatedState;
let keeper: IdentityKeeper;
let matchIndex: number;
let commitIndex: number;
let reads: number;
let admission: MemberAdmission;

const log = {
  firstIndex: () => 1,
  lastIndex: () => lastIndex,
  term: () => 1,
  entries: (lo: number): Entry[] => {
    reads += 1;
    return [{ index: lo, term: 1, type: EntryType.Normal, data: Buffer.from(`${lo}`) }];
  },
};

function make(birth: string | undefined): void {
  clock = new SimulatedClock();
  state = new ReplicatedState(new PlainSessions());
  state.membership = firstMembership([1n, 2n, 3n].map((id) => ({ id, address: `${id}` })));
  [matchIndex, commitIndex, reads] = [0, 15, 0];
  keeper = new IdentityKeeper({
    record: {
      logId: hex('1'),
      cluster: { origin: hex('a'), birth, previous: [] },
      startCount: 1,
      committedIndex: 0,
      members: new Map(),
    },
    run: 11,
    write: async () => undefined,
    clock,
    logger: undefined,
  });
  admission = new MemberAdmission({
    nodeId: 1n,
    keeper,
    state,
    storage: log as never,
    clock,
    logger: undefined,
    tell: () => undefined,
    commitIndex: () => commitIndex,
    matchIndex: () => matchIndex,
    onAdmitted: () => undefined,
  });
}

beforeEach(() => make(hex('b')));

const two: Introduction = {
  origin: hex('a'),
  birth: hex('b'),
  logId: hex('2'),
  startCount: 3,
  run: 22,
  lastIndex,
  commitIndex: 12,
  marks: [],
};

const isAdmitted = (change: Partial<Introduction> = {}, id = 2n): boolean =>
  admission.admit(id, encodeIntroduction({ ...two, ...change })) === undefined;

describe('a member that starts again', () => {
  it.each([
    [9, false],
    [10, true],
    [11, true],
  ])('has all that it had acknowledged, up to 10: its log ends at %i', (index, expected) => {
    matchIndex = 10;
    isAdmitted();
    expect(isAdmitted({ startCount: 4, run: 23, lastIndex: index })).toBe(expected);
  });

  it.each([
    [2, false],
    [3, false],
    [4, true],
  ])('has started more often than before, 3 times: %i', (startCount, expected) => {
    isAdmitted();
    expect(isAdmitted({ startCount, run: 23 })).toBe(expected);
  });

  it('is measured by the newest of its starts', () => {
    isAdmitted();
    isAdmitted({ startCount: 9, run: 23 });
    expect([keeper.known(2n)?.startCount, isAdmitted({ startCount: 5, run: 24 })]).toEqual([
      9,
      false,
    ]);
  });

  it('is measured by what it had acknowledged while this node led before', () => {
    isAdmitted();
    matchIndex = 14;
    admission.keepAcknowledged();
    matchIndex = 3;
    admission.keepAcknowledged();
    expect(keeper.known(2n)?.durableIndex).toBe(14);
    matchIndex = 0;
    isAdmitted({ startCount: 4, run: 23 });
    expect(keeper.known(2n)?.durableIndex).toBe(14);
    expect(isAdmitted({ startCount: 5, run: 24, lastIndex: 13 })).toBe(false);
  });

  it('is not measured by what was never committed', () => {
    matchIndex = 20;
    isAdmitted();
    admission.keepAcknowledged();
    expect(keeper.known(2n)?.durableIndex).toBe(15);
  });
});

describe('a log under the id of a member', () => {
  it('is compared with the membership first, and with what was seen where that has none', () => {
    isAdmitted();
    expect(isAdmitted({ logId: hex('3'), run: 23, startCount: 4 })).toBe(false);
    state.membership = { ...state.membership, logIds: new Map([[2n, hex('3')]]) };
    expect(isAdmitted({ logId: hex('3'), run: 23, startCount: 4 })).toBe(true);
    expect(isAdmitted({ logId: hex('2'), run: 24, startCount: 5 })).toBe(false);
  });

  it('is told once to the log of the cluster, that of this node too', () => {
    isAdmitted();
    isAdmitted({}, 9n);
    expect([...admission.unbound()]).toEqual([
      [1n, hex('1')],
      [2n, hex('2')],
    ]);
    state.membership = { ...state.membership, logIds: new Map([[1n, hex('1')]]) };
    expect([...admission.unbound().keys()]).toEqual([2n]);
  });

  it('is forgotten with the member, and not remembered of strangers', () => {
    isAdmitted();
    isAdmitted({}, 9n);
    expect([keeper.known(2n)?.logId, keeper.known(9n)]).toEqual([hex('2'), undefined]);
    admission.removed(2n);
    expect(keeper.known(2n)).toBeUndefined();
  });
});

describe('marks of entries', () => {
  const marks = [{ index: 12, term: 1, checksum: 5 }];

  it('are compared where more is committed, or the member has started again', () => {
    isAdmitted({ marks: marksOf(log, 12) });
    expect(isAdmitted({ marks })).toBe(false);
    expect(isAdmitted({ marks: [{ index: 16, term: 2, checksum: 5 }], commitIndex: 15 })).toBe(
      true,
    );
    commitIndex = 18;
    expect(isAdmitted({ marks: [{ index: 16, term: 2, checksum: 5 }], commitIndex: 18 })).toBe(
      false,
    );
    const before = { marks: [{ index: 17, term: 2, checksum: 5 }] };
    expect(isAdmitted({ ...before, commitIndex: 16 })).toBe(true);
    expect(isAdmitted({ ...before, commitIndex: 17 })).toBe(false);
    commitIndex = 16;
    expect(isAdmitted({ ...before, commitIndex: 16 })).toBe(true);
    commitIndex = 18;
    expect(isAdmitted({ ...before, commitIndex: 17, run: 23, startCount: 4 })).toBe(false);
  });

  it.each([
    [14, false],
    [15, false],
    [16, true],
  ])(
    'of another term tell another history up to what both have committed, 15: %i',
    (index, expected) => {
      const other = [{ index, term: 2, checksum: 5 }];
      expect(isAdmitted({ commitIndex: 18, marks: other })).toBe(expected);
    },
  );

  it('of this log are read once a second', async () => {
    const told = (): number => decodeIntroduction(admission.introduction())?.commitIndex ?? 0;
    expect(told()).toBe(15);
    const readsFirst = reads;
    commitIndex = 17;
    await clock.advance(999);
    expect([told(), reads]).toEqual([15, readsFirst]);
    await clock.advance(1);
    expect(told()).toBe(17);
    commitIndex = 40;
    await clock.advance(1000);
    expect(told()).toBe(lastIndex);
  });
});

describe('memory of nodes that are not members', () => {
  it('has a bound, and members are not forgotten for it', () => {
    make(undefined);
    const ids = Array.from({ length: 2000 }, (_, at) => BigInt(at + 10));
    // All are of another cluster, which this node cannot know yet.
    expect([2n, ...ids].every((id) => isAdmitted({ birth: hex('c') }, id))).toBe(true);
    keeper.adopt({ origin: hex('a'), birth: hex('b') });
    admission.identityChanged();
    // Those that are remembered are found to be of another cluster.
    const found = ids.filter((id) => !admission.takesFrom(id)).length;
    expect([found, admission.takesFrom(2n)]).toEqual([255, false]);
    expect([isAdmitted({ run: 23, startCount: 4 }), admission.takesFrom(2n)]).toEqual([true, true]);
  });

  it.each([255, 256, 257, 300])(
    'is the latest introductions: of %i strangers those that came first are forgotten',
    (count) => {
      make(undefined);
      const ids = Array.from({ length: count }, (_, at) => BigInt(at + 10));
      for (const id of ids) isAdmitted({ birth: hex('c') }, id);
      // The one that came first introduces itself again, as on its next connection.
      isAdmitted({ birth: hex('c') }, 10n);
      keeper.adopt({ origin: hex('a'), birth: hex('b') });
      admission.identityChanged();
      const found = ids.filter((id) => !admission.takesFrom(id));
      const forgotten = Math.max(0, count - 256);
      expect(found).toEqual(forgotten === 0 ? ids : [10n, ...ids.slice(1 + forgotten)]);
    },
  );
});
