/** When a leader gives up leadership, and when a node does not campaign, around each bound. */
import { beforeEach, describe, expect, it } from 'vitest';
import { defaultBabuzaConfig, type BabuzaConfig, type RaftEvent } from '../src/index.ts';
import { LeadershipGuard } from '../src/leadership/leadership-guard.ts';

const tickMs = 100;
const electionTicks = 10;
const electionTimeoutMs = tickMs * electionTicks;

interface Progress {
  readonly id: bigint;
  readonly match: number;
  readonly isLearner: boolean;
  readonly recentActive: boolean;
}

let saves: {
  isBusy: boolean;
  finishedCount: number;
  full: boolean;
  waitReason: string | undefined;
  hasEntries: boolean;
};
let isLeader: boolean;
let commit: number;
let progress: Progress[];
let log: string[];
/** The reasons for which leadership was given up, in order. */
let troubles: string[];
let withheld: boolean | undefined;
let mayHaveLostEntries: boolean;
let guard: LeadershipGuard;

function make(change: Partial<BabuzaConfig> = {}): void {
  const member = (id: bigint): Progress => ({
    id,
    match: 10,
    isLearner: false,
    recentActive: true,
  });
  saves = { isBusy: false, finishedCount: 0, full: false, waitReason: undefined, hasEntries: true };
  [isLeader, commit, progress, log] = [true, 10, [1n, 2n, 3n].map(member), []];
  [withheld, mayHaveLostEntries, troubles] = [undefined, false, []];
  const node = {
    status: () => ({
      id: 1n,
      commit,
      config: { incoming: progress.map(({ id }) => id), outgoing: [] },
      progress: new Map(progress.map((one) => [one.id, one])),
    }),
    withholdCampaigns: (given: boolean) => {
      withheld = given;
    },
    doubtMembers: () => void log.push('members are doubted'),
    transferLeader: (to: bigint) => void log.push(`transfer to ${to}`),
    stepDown: () => void log.push('step down'),
    propose: () => void log.push('a probe is proposed'),
  };
  guard = new LeadershipGuard({
    mayHaveLostEntries: () => mayHaveLostEntries,
    config: {
      ...defaultBabuzaConfig(1, 1, 'address-1'),
      tickMs,
      electionTicks,
      leaderStallShare: 0.3,
      ...change,
    },
    node: node as never,
    saves,
    logger: undefined,
    isLeader: () => isLeader,
    core: { tryRun: (give) => give(node as never) },
    tell: (event: RaftEvent) => {
      log.push(event.type);
      if (event.type === 'leadership-given-up') troubles.push(event.trouble);
    },
    giveUpProposals: () => void log.push('callers are told'),
  });
}

beforeEach(() => make());

const ticks = (count: number): void => {
  for (let tick = 0; tick < count; tick += 1) guard.tick(tickMs);
};

/** A save begins and does not end. The bound is three ticks, and the first one sees it begin. */
function hang(): void {
  saves.isBusy = true;
  guard.tick(tickMs);
}

const steps = (): string[] => log.filter((line) => /transfer|step down/.test(line));

describe('a leader whose save does not finish', () => {
  it('transfers leadership from the bound on, and not before', () => {
    commit = 11;
    hang();
    ticks(2);
    expect([guard.isSlow, withheld, log]).toEqual([false, undefined, []]);
    ticks(1);
    expect([guard.isSlow, withheld, log]).toEqual([
      true,
      true,
      ['disk-slow', 'leadership-given-up', 'transfer to 2'],
    ]);
    expect(guard.reason).toContain('has not finished for 300 ms');
  });

  it('stays where nothing shows that the others are better off', () => {
    hang();
    ticks(3 * electionTicks);
    expect(steps()).toEqual([]);
    commit = 11;
    ticks(1);
    expect(steps()).toEqual(['transfer to 2']);
  });

  it('stays leader when no member can take over', () => {
    commit = 11;
    progress = progress.map((one) => ({ ...one, recentActive: one.id === 1n }));
    hang();
    ticks(3 * electionTicks);
    expect(steps()).toEqual([]);
  });

  it('steps down half an election timeout after it has tried a transfer', () => {
    commit = 11;
    hang();
    ticks(3);
    ticks(electionTicks / 2 - 1);
    expect(steps()).toEqual(['transfer to 2']);
    ticks(1);
    expect(steps()).toEqual(['transfer to 2', 'step down']);
  });

  it('begins anew when it leads again', () => {
    commit = 11;
    hang();
    ticks(3);
    guard.leadershipLost();
    ticks(electionTicks);
    // Its tolerance has doubled meanwhile. It transfers leadership first, and does not step down.
    expect(steps().slice(0, 2)).toEqual(['transfer to 2', 'transfer to 2']);
  });

  it('proposes one entry when no other is pending, to see whether the others can write', () => {
    saves.hasEntries = false;
    hang();
    ticks(electionTicks - 1);
    expect(log).not.toContain('a probe is proposed');
    ticks(5);
    expect(log.filter((line) => line === 'a probe is proposed')).toHaveLength(1);
  });

  it('proposes one anew when its disk is slow a second time', () => {
    saves.hasEntries = false;
    for (let time = 0; time < 2; time += 1) {
      hang();
      ticks(electionTicks + 5);
      saves.isBusy = false;
      saves.finishedCount += 1;
      ticks(1);
    }
    expect(log.filter((line) => line === 'a probe is proposed')).toHaveLength(2);
  });

  it('is well again when its saves finish', () => {
    hang();
    ticks(3);
    saves.isBusy = false;
    saves.finishedCount += 1;
    ticks(1);
    expect([guard.isSlow, withheld, guard.reason]).toEqual([false, false, undefined]);
  });
});

describe('a node whose disk is full', () => {
  beforeEach(() => {
    [saves.full, saves.waitReason] = [true, 'the disk is full'];
    guard.savesRejected();
  });

  it('does not campaign, and may again when it has space', () => {
    expect([withheld, guard.reason]).toEqual([true, 'the disk is full']);
    [saves.full, saves.waitReason] = [false, undefined];
    guard.savesRejected();
    expect([withheld, guard.reason]).toEqual([false, undefined]);
  });

  it('transfers leadership at once when the others go on', () => {
    expect(steps()).toEqual([]);
    commit = 11;
    guard.savesRejected();
    expect(steps()).toEqual(['transfer to 2']);
  });

  it('transfers leadership again when the disk worked in between, and does not step down', () => {
    commit = 11;
    guard.savesRejected();
    [saves.full, saves.waitReason] = [false, undefined];
    guard.savesRejected();
    ticks(electionTicks);
    [saves.full, saves.waitReason] = [true, 'the disk is full'];
    guard.savesRejected();
    ticks(electionTicks / 2 - 1);
    expect(steps()).toEqual(['transfer to 2', 'transfer to 2']);
  });

  it('tells its callers an election timeout after it has lost leadership', () => {
    isLeader = false;
    ticks(electionTicks - 1);
    expect(log).not.toContain('callers are told');
    ticks(1);
    expect(log).toContain('callers are told');
  });

  it('counts that time from when it lost leadership', () => {
    isLeader = false;
    ticks(electionTicks - 1);
    isLeader = true;
    ticks(1);
    isLeader = false;
    ticks(electionTicks - 1);
    expect(log).not.toContain('callers are told');
  });
});

it.each([
  ['disk-full', { full: true, waitReason: 'the disk is full' }],
  ['system-short', { full: false, waitReason: 'no descriptor is left' }],
])('a leader that gives up leadership says why: %s', (trouble, rejections) => {
  Object.assign(saves, rejections);
  commit = 11;
  guard.savesRejected();
  expect(troubles).toEqual([trouble]);
  expect(steps()).toEqual(['transfer to 2']);
});

it('does not campaign while its log may have lost entries, and may again when it has them', () => {
  isLeader = false;
  mayHaveLostEntries = true;
  ticks(1);
  expect(withheld).toBe(true);
  Object.assign(saves, { full: false, waitReason: undefined });
  guard.savesRejected();
  expect(withheld).toBe(true);
  mayHaveLostEntries = false;
  ticks(1);
  expect(withheld).toBe(false);
});

describe('a leader whose event loop stood still', () => {
  it.each([
    [499, []],
    [500, ['stood-still', 'members are doubted']],
  ])('doubts the others after half a second: %i ms', (lateMs, expected) => {
    progress = progress.map((one) => ({ ...one, recentActive: false }));
    guard.tick(tickMs + lateMs);
    expect(log).toEqual(expected);
    expect(guard.trustsLease(0)).toBe(expected.length === 0);
  });

  it('doubts them once, and transfers leadership when a quorum has answered', () => {
    progress = progress.map((one) => ({ ...one, recentActive: false }));
    guard.tick(tickMs + 500);
    guard.tick(tickMs + 500);
    expect(log.filter((line) => line === 'members are doubted')).toHaveLength(1);
    expect(steps()).toEqual([]);
    progress = progress.map((one) => ({ ...one, recentActive: true }));
    ticks(1);
    expect(steps()).toEqual(['transfer to 2']);
    guard.leadershipLost();
    expect([guard.reason, guard.trustsLease(0)]).toEqual([undefined, true]);
  });

  it('alone stays leader', () => {
    progress = progress.slice(0, 1);
    guard.tick(tickMs + 5000);
    expect(log).toEqual(['stood-still']);
    expect(guard.reason).toBeUndefined();
  });

  it('does not blame its disk for the time that it stood still', () => {
    hang();
    guard.tick(tickMs + 250);
    expect(guard.isSlow).toBe(false);
  });

  it("does not rely on its lease after the lease's bound, 300 ms behind a tick", () => {
    make({ leaseReads: true });
    expect([tickMs + 299, tickMs + 300, tickMs + 301].map((ms) => guard.trustsLease(ms))).toEqual([
      true,
      false,
      false,
    ]);
    make({ leaseReads: true, leaderStallShare: 0.9 });
    const half = electionTimeoutMs / 2;
    expect([tickMs + half - 1, tickMs + half].map((ms) => guard.trustsLease(ms))).toEqual([
      true,
      false,
    ]);
  });
});
