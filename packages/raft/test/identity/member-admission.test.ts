import { EntryType, type Entry } from '@babuza/raftpb';
import { SimulatedClock } from '@babuza/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import type { RaftEvent } from '../../src/events.ts';
import { marksOf } from '../../src/identity/entry-marks.ts';
import { IdentityKeeper } from '../../src/identity/identity-keeper.ts';
import { encodeIntroduction, type Introduction } from '../../src/identity/introduction.ts';
import { MemberAdmission } from '../../src/identity/member-admission.ts';
import { firstMembership } from '../../src/membership/membership.ts';
import { ReplicatedState } from '../../src/apply/replicated-state.ts';
import { PlainSessions } from '../support.ts';

const hex = (digit: string): string => digit.repeat(32);
const cluster = { origin: hex('a'), birth: hex('b'), previous: [] };

/** A log of entries of term 1 and 2, whose content is their index. */
class Log {
  readonly all: Entry[] = Array.from({ length: 20 }, (_, at) => ({
    index: at + 1,
    term: at < 10 ? 1 : 2,
    type: EntryType.Normal,
    data: Buffer.from(`entry ${at + 1}`),
  }));
  first = 1;

  firstIndex = (): number => this.first;
  lastIndex = (): number => this.all.length;
  term = (index: number): number => this.all[index - 1]?.term ?? 0;
  entries = (lo: number, hi: number): Entry[] => this.all.slice(lo - 1, hi - 1);
  initialState = (): never => {
    throw new Error('nobody asks');
  };
  snapshot = this.initialState;
}

let clock: SimulatedClock;
let log: Log;
let keeper: IdentityKeeper;
let state: ReplicatedState;
let warnings: string[];
let events: RaftEvent[];
let matches: Map<bigint, number>;
let admission: MemberAdmission;

function make(known = cluster): void {
  clock = new SimulatedClock();
  log = new Log();
  state = new ReplicatedState(new PlainSessions());
  state.membership = firstMembership([1n, 2n, 3n].map((id) => ({ id, address: `${id}` })));
  warnings = [];
  events = [];
  matches = new Map();
  const ignore = (): void => undefined;
  const warn = (message: string): void => void warnings.push(message);
  const logger = { debug: ignore, info: ignore, warn, error: warn };
  const record = {
    logId: hex('1'),
    cluster: known,
    startCount: 1,
    committedIndex: 0,
    members: new Map(),
  };
  keeper = new IdentityKeeper({ record, run: 11, write: async () => undefined, clock, logger });
  admission = new MemberAdmission({
    nodeId: 1n,
    keeper,
    state,
    storage: log,
    clock,
    logger,
    tell: (event) => void events.push(event),
    commitIndex: () => 15,
    matchIndex: (id) => matches.get(id) ?? 0,
    onAdmitted: ignore,
  });
}

beforeEach(() => make());

const two: Introduction = {
  origin: cluster.origin,
  birth: cluster.birth,
  logId: hex('2'),
  startCount: 3,
  run: 22,
  lastIndex: 20,
  commitIndex: 12,
  marks: [],
};

const admit = (change: Partial<Introduction> = {}, id = 2n): string | undefined =>
  admission.admit(id, encodeIntroduction({ ...two, ...change }));

describe('a member', () => {
  it('of this cluster is admitted, again and again, and nothing is said', () => {
    expect(admit()).toBeUndefined();
    expect(admit()).toBeUndefined();
    expect(admit({ run: 23, startCount: 4 })).toBeUndefined();
    expect(warnings).toEqual([]);
  });

  it.each([
    ['origin', { origin: hex('c') }, /the origin of its cluster is c/],
    ['birth', { birth: hex('c') }, /the birth of its cluster is c/],
  ])('with another %s is refused as other-cluster', (_, change, message) => {
    expect(admit(change)).toBe('other-cluster');
    expect(warnings[0]).toMatch(message);
    expect(events).toMatchObject([{ type: 'member-refused', id: 2n }]);
    expect(admission.problems()).toHaveLength(1);
  });

  it('that says nothing, or cannot be understood, is refused', () => {
    expect(admission.admit(2n, undefined)).toBe('other-cluster');
    expect(admission.admit(2n, 'hello')).toBe('other-cluster');
    expect(warnings).toHaveLength(1);
  });

  it('that does not know its cluster yet is admitted', () => {
    expect(admit({ birth: undefined })).toBeUndefined();
    expect(admit({ origin: undefined, birth: undefined, lastIndex: 0 }, 3n)).toBeUndefined();
  });

  it('with another log than the membership names is refused, also where it never came before', () => {
    state.membership = { ...state.membership, logIds: new Map([[2n, hex('7')]]) };
    expect(admit()).toBe('other-cluster');
    expect(warnings[0]).toMatch(/another log than before.*remove its id/);
  });

  it('with another log than this node has seen is refused before the membership names one', () => {
    expect(admit()).toBeUndefined();
    expect(admit({ logId: hex('3'), startCount: 1, run: 99 })).toBe('other-cluster');
  });

  it.each([
    ['fewer starts', { startCount: 2, run: 23 }, /put back, or is a copy/],
    ['as many starts in another process', { startCount: 3, run: 23 }, /two processes/],
  ])('with %s than before is refused', (_, change, message) => {
    expect(admit()).toBeUndefined();
    expect(admit(change)).toBe('other-cluster');
    expect(warnings[0]).toMatch(message);
  });

  it('that lacks committed entries which it had acknowledged is refused when it starts again', () => {
    expect(admit()).toBeUndefined();
    matches.set(2n, 18);
    // Within one start an introduction may be older than an acknowledgement that overtook it.
    expect(admit({ lastIndex: 10 })).toBeUndefined();
    expect(admit({ startCount: 4, run: 23, lastIndex: 15 })).toBeUndefined();
    expect(admit({ startCount: 5, run: 24, lastIndex: 14 })).toBe('other-cluster');
    expect(warnings[0]).toMatch(/last index is 14.*acknowledged index 15/);
  });

  it('may lack what it had acknowledged and was never committed', () => {
    matches.set(2n, 20);
    expect(admit()).toBeUndefined();
    expect(admit({ startCount: 4, run: 23, lastIndex: 15 })).toBeUndefined();
  });

  it('is known by what was kept when this node does not lead any more', () => {
    expect(admit()).toBeUndefined();
    matches.set(2n, 15);
    admission.keepAcknowledged();
    matches.clear();
    expect(admit({ startCount: 4, run: 23, lastIndex: 14 })).toBe('other-cluster');
  });

  it('that was removed is forgotten', () => {
    expect(admit()).toBeUndefined();
    admission.removed(2n);
    expect(keeper.known(2n)).toBeUndefined();
  });

  it('that is not in the membership is admitted, and not remembered', () => {
    expect(admit({}, 9n)).toBeUndefined();
    expect(keeper.known(9n)).toBeUndefined();
  });
});

describe('marks of entries', () => {
  it('of the same entries fit', () => {
    expect(admit({ marks: marksOf(new Log(), 12) })).toBeUndefined();
  });

  it('of the same index and term with another content tell another cluster', () => {
    const other = new Log();
    const [last] = other.all.splice(18, 2);
    if (last !== undefined) other.all.push({ ...last, data: Buffer.from('another') });
    expect(admit({ marks: marksOf(other, 12) })).toBe('other-cluster');
    expect(warnings[0]).toMatch(/entry 19 of term 2 has another content/);
  });

  it('of another term at an index that both have committed tell another cluster', () => {
    expect(admit({ marks: [{ index: 12, term: 1, checksum: 5 }] })).toBe('other-cluster');
    expect(warnings[0]).toMatch(/entry 12 is committed with term 1 there and with term 2 here/);
  });

  it('of another term at an index that one of them has not committed say nothing', () => {
    expect(admit({ marks: [{ index: 13, term: 1, checksum: 5 }] })).toBeUndefined();
    expect(admit({ commitIndex: 30, marks: [{ index: 16, term: 1, checksum: 5 }] })).toBe(
      undefined,
    );
  });

  it('of entries that this log does not have any more, or not yet, say nothing', () => {
    log.first = 5;
    const marks = [
      { index: 4, term: 9, checksum: 5 },
      { index: 21, term: 9, checksum: 5 },
    ];
    expect(admit({ marks })).toBeUndefined();
  });
});

describe('a member that knows no cluster', () => {
  it('accepts the identity that a leader has told, once', () => {
    make({ origin: undefined, birth: undefined, previous: [] } as never);
    expect(admit()).toBeUndefined();
    expect(keeper.isSettled).toBe(false);
    admission.heardLeader(2n);
    expect(keeper.cluster).toMatchObject({ origin: hex('a'), birth: hex('b') });
    expect(admit({ birth: hex('c') }, 3n)).toBe('other-cluster');
  });

  it('accepts no identity from a node that has not introduced itself, or does not know one', () => {
    make({ origin: hex('a'), birth: undefined, previous: [] } as never);
    admission.heardLeader(2n);
    expect(admit({ birth: undefined })).toBeUndefined();
    admission.heardLeader(2n);
    expect(keeper.isSettled).toBe(false);
  });
});

describe('messages of a member', () => {
  it('do not count while it refuses this one', () => {
    expect(admission.takesFrom(2n)).toBe(true);
    admission.refusedBy(2n);
    expect(admit()).toBeUndefined();
    expect(admission.takesFrom(2n)).toBe(false);
    expect(admission.takesFrom(3n)).toBe(true);
    admission.admittedBy(2n);
    expect(admission.takesFrom(2n)).toBe(true);
  });

  it('do not count when this one has found out that it belongs to another cluster', () => {
    make({ origin: undefined, birth: undefined, previous: [] } as never);
    expect(admit()).toBeUndefined();
    expect(admit({ birth: hex('c') }, 3n)).toBeUndefined();
    admission.heardLeader(2n);
    expect(admission.takesFrom(2n)).toBe(true);
    expect(admission.takesFrom(3n)).toBe(false);
    expect(warnings.join('\n')).toMatch(/member 3 is refused: it belongs to another cluster/);
    expect(admit({}, 3n)).toBeUndefined();
    expect(admission.takesFrom(3n)).toBe(true);
  });
});

describe('marks that were compared before', () => {
  it('are not compared again with each request', () => {
    let reads = 0;
    const { entries } = log;
    log.entries = (lo, hi) => {
      reads += 1;
      return entries(lo, hi);
    };
    const marks = marksOf(new Log(), 12);
    for (let request = 0; request < 100; request += 1) {
      expect(admit({ marks, lastIndex: 20 + request })).toBeUndefined();
    }
    expect(reads).toBe(marks.length);
    expect(admit({ marks, run: 23, startCount: 4 })).toBeUndefined();
    expect(reads).toBe(2 * marks.length);
  });
});

describe('a problem', () => {
  it('is told once, also when it is met again, and once more when it is another one', () => {
    for (let time = 0; time < 5; time += 1) admit({ birth: hex('c') });
    expect(warnings).toHaveLength(1);
    admit({ origin: hex('d') });
    expect(warnings).toHaveLength(2);
  });

  it('is over when the member is admitted, or was not met for a minute', () => {
    admit({ birth: hex('c') });
    expect(admit()).toBeUndefined();
    expect(admission.problems()).toEqual([]);
    admission.refusedBy(3n);
    expect(admission.problems()).toHaveLength(1);
    clock.startTimer(60_001, () => undefined);
    clock.fireNext();
    expect(admission.problems()).toEqual([]);
  });

  it('is told again when it comes back after it was over', () => {
    for (let time = 0; time < 2; time += 1) {
      admission.refusedBy(3n);
      clock.startTimer(60_001, () => undefined);
      clock.fireNext();
    }
    expect(warnings).toHaveLength(2);
  });

  it('of both sides at once is told once by each, however often they meet', () => {
    for (let time = 0; time < 5; time += 1) {
      admission.refusedBy(2n);
      admit({ birth: hex('c') });
    }
    expect(warnings).toHaveLength(2);
    expect(events).toHaveLength(2);
    expect(admission.problems()).toHaveLength(2);
  });

  it('that the other side has with this one stays while this one admits the other', () => {
    for (let time = 0; time < 5; time += 1) {
      admission.refusedBy(2n);
      expect(admit()).toBeUndefined();
    }
    expect(warnings).toHaveLength(1);
    expect(admission.problems()).toHaveLength(1);
    admission.admittedBy(2n);
    expect(admission.problems()).toEqual([]);
  });

  it('that the other side has with this one is over when that one was started again', () => {
    expect(admit()).toBeUndefined();
    admission.refusedBy(2n);
    expect(admit()).toBeUndefined();
    expect(admission.problems()).toHaveLength(1);
    expect(admit({ startCount: 4, run: 23 })).toBeUndefined();
    expect(admission.problems()).toEqual([]);
  });

  it('of a history that goes on is told once, although another entry shows it each time', () => {
    for (let index = 13; index < 18; index += 1) {
      expect(admit({ marks: [{ index, term: 2, checksum: 5 }] })).toBe('other-cluster');
    }
    expect(warnings).toHaveLength(1);
  });

  it('of made-up members does not fill the memory', () => {
    for (let id = 10n; id < 2000n; id += 1n) admit({ birth: hex('c') }, id);
    expect(admission.problems().length).toBeLessThanOrEqual(256);
  });
});
