/** The ledger must accept everything that a crash may leave, and nothing else. */
import { Ledger, type ReopenedLog } from '@babuza/wal-core/conformance';
import type { Entry, HardState, SnapshotMetadata } from '@babuza/raftpb';
import { CompactedError, NoSpaceError, WriteFailedError } from '@babuza/wal-core';
import { describe, expect, it } from 'vitest';

interface Content {
  base?: { index: number; term: number };
  entries?: readonly Entry[];
  hardState?: HardState;
  snapshots?: readonly SnapshotMetadata[];
}

const none: HardState = { term: 0, vote: 0n, commit: 0 };

/** A reopened log with exactly this content. */
function reopened({ base, entries = [], hardState = none, snapshots = [] }: Content): ReopenedLog {
  const start = base ?? { index: 0, term: 0 };
  const at = (index: number): Entry => {
    const entry = entries[index - start.index - 1];
    if (entry === undefined) throw new CompactedError(index, start.index + 1);
    return entry;
  };
  const { confState } = marker(0, 0);
  const storage = {
    initialState: () => ({ hardState, confState }),
    entries: (lo: number, hi: number) => entries.slice(lo - start.index - 1, hi - start.index - 1),
    term: (index: number) => (index === start.index ? start.term : at(index).term),
    firstIndex: () => start.index + 1,
    lastIndex: () => start.index + entries.length,
    snapshot: () => ({ metadata: snapshots.at(-1) ?? marker(0, 0) }),
  };
  return { storage, hardState, snapshots };
}

function entry(index: number, term = 1, text = `payload ${index}`): Entry {
  return { index, term, type: 0, data: new TextEncoder().encode(text) };
}

function marker(index: number, term = 1): SnapshotMetadata {
  const confState = {
    voters: [1n],
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
  return { index, term, confState };
}

/** A ledger on which entries 1 to 3 are acknowledged. */
function threeAcknowledged(ledger = new Ledger()): Ledger {
  ledger.acknowledge(ledger.attempt({ entries: [entry(1), entry(2), entry(3)] }));
  return ledger;
}

const three = [entry(1), entry(2), entry(3)];

describe('entries', () => {
  it('must be exactly the acknowledged ones', () => {
    expect(new Ledger().judge(reopened({}))).toEqual([]);
    expect(threeAcknowledged().judge(reopened({ entries: three }))).toEqual([]);
  });

  it('are reported if they are lost, altered or invented', () => {
    const ledger = threeAcknowledged();
    expect(ledger.judge(reopened({ entries: three.slice(0, 2) }))[0]).toMatch(/3 to 3 are lost/);
    expect(ledger.judge(reopened({}))[0]).toMatch(/entries 1 to 3 are lost/);
    const altered = [entry(1), entry(2, 1, 'payload X'), entry(3)];
    expect(ledger.judge(reopened({ entries: altered }))[0]).toMatch(/entry 2 is altered/);
    const otherTerm = [entry(1), entry(2), entry(3, 2)];
    expect(ledger.judge(reopened({ entries: otherTerm }))[0]).toMatch(/entry 3 is altered/);
    const absent: Entry[] = [entry(1), entry(2), { index: 3, term: 1, type: 0 }];
    expect(ledger.judge(reopened({ entries: absent }))[0]).toMatch(/entry 3 is altered/);
    const more = [...three, entry(4)];
    expect(ledger.judge(reopened({ entries: more }))[0]).toMatch(/4 to 4 should not be there/);
  });

  it('of an attempted batch are allowed completely or not at all, and in order', () => {
    const ledger = threeAcknowledged();
    ledger.attempt({ entries: [entry(4), entry(5)] });
    ledger.attempt({ entries: [entry(6)], hardState: { term: 1, vote: 2n, commit: 0 } });
    const five = [...three, entry(4), entry(5)];
    expect(ledger.judge(reopened({ entries: three }))).toEqual([]);
    expect(ledger.judge(reopened({ entries: five }))).toEqual([]);
    expect(ledger.judge(reopened({ entries: five.slice(0, 4) }))).not.toEqual([]);
    const hardState = { term: 1, vote: 2n, commit: 0 };
    expect(ledger.judge(reopened({ entries: [...five, entry(6)], hardState }))).toEqual([]);
    expect(ledger.judge(reopened({ entries: [...five, entry(6)] }))).not.toEqual([]);
    // The log has the later batch without the earlier one.
    expect(ledger.judge(reopened({ entries: three, hardState }))).not.toEqual([]);
  });

  it('of the last batches may be there in part if batches are not atomic', () => {
    const ledger = threeAcknowledged(new Ledger({ batchAtomic: false }));
    ledger.attempt({ entries: [entry(4), entry(5)], hardState: { term: 2, vote: 1n, commit: 0 } });
    const four = [...three, entry(4)];
    expect(ledger.judge(reopened({ entries: four }))).toEqual([]);
    expect(ledger.judge(reopened({ entries: [...four, entry(5)] }))).toEqual([]);
    expect(ledger.judge(reopened({ entries: three.slice(1) }))).not.toEqual([]);
    expect(ledger.judge(reopened({ entries: three.slice(0, 2) }))).not.toEqual([]);
  });

  it('may be missing after the hard state that covers a marker', () => {
    const ledger = threeAcknowledged(new Ledger({ batchAtomic: false }));
    const hardState = { term: 2, vote: 1n, commit: 3 };
    ledger.attempt({ snapshot: marker(2), entries: [entry(4), entry(5)], hardState });
    const part = { hardState: { ...hardState, commit: 2 }, snapshots: [marker(2)] };
    expect(ledger.judge(reopened({ ...part, entries: three }))).toEqual([]);
    expect(ledger.judge(reopened({ ...part, entries: [...three, entry(4)] }))).toEqual([]);
    // The hard state after the entries is the last record.
    expect(ledger.judge(reopened({ ...part, hardState, entries: three }))).not.toEqual([]);
    const atomic = threeAcknowledged();
    atomic.attempt({ snapshot: marker(2), entries: [entry(4), entry(5)], hardState });
    expect(atomic.judge(reopened({ ...part, entries: three }))).not.toEqual([]);
  });

  it('are reported if they reappear after a conflict', () => {
    const ledger = threeAcknowledged();
    ledger.acknowledge(ledger.attempt({ entries: [entry(2, 2)] }));
    expect(ledger.judge(reopened({ entries: [entry(1), entry(2, 2)] }))).toEqual([]);
    expect(ledger.judge(reopened({ entries: three }))).not.toEqual([]);
    const resurrected = [entry(1), entry(2, 2), entry(3)];
    expect(ledger.judge(reopened({ entries: resurrected }))[0]).toMatch(/3 to 3 should not be/);
  });

  it('are compared with the payloads at the time of the attempt', () => {
    const ledger = new Ledger();
    const reused = entry(1);
    ledger.acknowledge(ledger.attempt({ entries: [reused] }));
    reused.data?.fill(0);
    expect(ledger.judge(reopened({ entries: [entry(1)] }))).toEqual([]);
    expect(ledger.judge(reopened({ entries: [reused] }))).not.toEqual([]);
  });
});

it('a copy is independent of its original', () => {
  const ledger = threeAcknowledged();
  ledger.attempt({ entries: [entry(4)] });
  const copy = ledger.copy();
  copy.adopt(reopened({ entries: three }));
  copy.acknowledge(copy.attempt({ entries: [entry(4, 2)] }));
  expect(copy.judge(reopened({ entries: [...three, entry(4, 2)] }))).toEqual([]);
  expect(copy.judge(reopened({ entries: [...three, entry(4)] }))).not.toEqual([]);
  expect(ledger.judge(reopened({ entries: [...three, entry(4)] }))).toEqual([]);
});

describe('rejections', () => {
  it('a batch that was rejected for want of space must not be there', () => {
    const ledger = threeAcknowledged();
    const id = ledger.attempt({ entries: [entry(4)] });
    const behind = ledger.attempt({ entries: [entry(5)] });
    ledger.reject(id, new NoSpaceError('full'));
    ledger.reject(behind, new NoSpaceError('full'));
    expect(ledger.judge(reopened({ entries: three }))).toEqual([]);
    expect(ledger.judge(reopened({ entries: [...three, entry(4)] }))).not.toEqual([]);
    // The same indexes are saved again with other payloads.
    ledger.acknowledge(ledger.attempt({ entries: [entry(4, 2)] }));
    expect(ledger.judge(reopened({ entries: [...three, entry(4, 2)] }))).toEqual([]);
  });

  it('a batch that was rejected by a failed write may be there', () => {
    const ledger = threeAcknowledged();
    const id = ledger.attempt({ entries: [entry(4)] });
    ledger.reject(id, new WriteFailedError('broken'));
    expect(ledger.judge(reopened({ entries: three }))).toEqual([]);
    expect(ledger.judge(reopened({ entries: [...three, entry(4)] }))).toEqual([]);
    expect(ledger.judge(reopened({ entries: three.slice(0, 2) }))).not.toEqual([]);
  });

  it('an acknowledgement out of order is a violation', () => {
    const ledger = threeAcknowledged();
    ledger.attempt({ entries: [entry(4)] });
    ledger.acknowledge(ledger.attempt({ entries: [entry(5)] }));
    const entries = [...three, entry(4), entry(5)];
    expect(ledger.judge(reopened({ entries }))[0]).toMatch(/3 was acknowledged before batch 2/);
  });
});

it('a log may hold only a prefix of overlapping calls, in the order of the calls', () => {
  const overlapping = (): Ledger => {
    const ledger = threeAcknowledged();
    ledger.acknowledge(ledger.attempt({ hardState: { term: 1, vote: 1n, commit: 2 } }));
    ledger.attempt({ entries: [entry(4)] });
    ledger.attempt({ purgeTo: 2 });
    ledger.attempt({ entries: [entry(5)] });
    return ledger;
  };
  const hardState = { term: 1, vote: 1n, commit: 2 };
  const whole = [...three, entry(4), entry(5)];
  const base = { index: 2, term: 1 };
  for (const content of [
    { entries: three },
    { entries: whole.slice(0, 4) },
    { entries: whole.slice(2, 4), base },
    { entries: whole.slice(2), base },
  ]) {
    expect(overlapping().judge(reopened({ ...content, hardState }))).toEqual([]);
  }
  // The log may not have the last save without the purge before it, nor the purge without the save
  // before it.
  for (const content of [{ entries: whole }, { entries: whole.slice(2, 3), base }]) {
    expect(overlapping().judge(reopened({ ...content, hardState }))).not.toEqual([]);
  }
});

it('a purge may be acknowledged after later saves, which imply that it is durable', () => {
  const ledger = threeAcknowledged();
  ledger.acknowledge(ledger.attempt({ hardState: { term: 0, vote: 0n, commit: 2 } }));
  const purge = ledger.attempt({ purgeTo: 1 });
  ledger.acknowledge(ledger.attempt({ entries: [entry(4)] }));
  const hardState = { term: 0, vote: 0n, commit: 2 };
  const base = { index: 1, term: 1 };
  const purged = reopened({ base, entries: [entry(2), entry(3), entry(4)], hardState });
  expect(ledger.judge(purged)).toEqual([]);
  expect(ledger.judge(reopened({ entries: [...three, entry(4)], hardState }))).not.toEqual([]);
  ledger.acknowledge(purge);
  expect(ledger.judge(purged)).toEqual([]);
});

describe('hard state', () => {
  it('term and vote are those of the last acknowledged batch, or of a later one', () => {
    const ledger = threeAcknowledged();
    const first = { term: 2, vote: 1n, commit: 0 };
    const second = { term: 3, vote: 2n, commit: 0 };
    ledger.acknowledge(ledger.attempt({ hardState: first }));
    ledger.attempt({ hardState: second });
    const judge = (hardState: HardState) => ledger.judge(reopened({ entries: three, hardState }));
    expect(judge(first)).toEqual([]);
    expect(judge(second)).toEqual([]);
    expect(judge(none)[0]).toMatch(/the term is 0, expected 2/);
    expect(judge({ ...first, vote: 2n })[0]).toMatch(/the vote is 2, expected 1/);
    expect(judge({ ...second, vote: 1n })).not.toEqual([]);
  });

  it('a commit index that was saved alone may be lower, but not lower than the durable one', () => {
    const ledger = threeAcknowledged();
    const at = (commit: number) =>
      ledger.judge(reopened({ entries: three, hardState: { term: 1, vote: 1n, commit } }));
    ledger.acknowledge(ledger.attempt({ hardState: { term: 1, vote: 1n, commit: 1 } }));
    ledger.acknowledge(ledger.attempt({ hardState: { term: 1, vote: 1n, commit: 3 } }));
    expect([at(1), at(2), at(3)]).toEqual([[], [], []]);
    expect(at(0)[0]).toMatch(/the commit index is 0, expected 1 to 3/);
    ledger.acknowledge(ledger.attempt({ sync: true }));
    expect(at(3)).toEqual([]);
    expect(at(2)[0]).toMatch(/the commit index is 2, expected 3 to 3/);
  });

  it('a commit index above every saved one is a violation', () => {
    const ledger = threeAcknowledged();
    const hardState = { term: 0, vote: 0n, commit: 2 };
    expect(ledger.judge(reopened({ entries: three, hardState }))[0]).toMatch(/commit index is 2/);
  });

  it('the storage and the result of the replay must agree', () => {
    const log = reopened({ entries: three });
    const hardState = { term: 0, vote: 1n, commit: 0 };
    expect(threeAcknowledged().judge({ ...log, hardState })[0]).toMatch(/another hard state/);
  });
});

describe('markers and purges', () => {
  const committed = { term: 0, vote: 0n, commit: 2 };

  it('an acknowledged marker must be there, an attempted one may be', () => {
    const ledger = threeAcknowledged();
    ledger.acknowledge(ledger.attempt({ snapshot: marker(2) }));
    const found = (content: Content) => ledger.judge(reopened({ entries: three, ...content }));
    expect(found({ snapshots: [marker(2)], hardState: committed })).toEqual([]);
    expect(found({ hardState: committed })[0]).toMatch(/the markers are \[\], expected \[2 term 1/);
    expect(found({ snapshots: [marker(2)] })[0]).toMatch(/commit index is 0, expected 2 to 2/);
    ledger.attempt({ snapshot: marker(3) });
    const both = { snapshots: [marker(2), marker(3)], hardState: { ...committed, commit: 3 } };
    expect(found({ snapshots: [marker(2)], hardState: committed })).toEqual([]);
    expect(found(both)).toEqual([]);
    expect(found({ ...both, snapshots: [marker(3)] })).not.toEqual([]);
  });

  it('an installed snapshot must leave nothing of the old log', () => {
    const ledger = threeAcknowledged();
    ledger.acknowledge(ledger.attempt({ snapshot: marker(2, 5), entries: [entry(3, 5)] }));
    const rest = { hardState: committed, snapshots: [marker(2, 5)] };
    const base = { index: 2, term: 5 };
    expect(ledger.judge(reopened({ ...rest, base, entries: [entry(3, 5)] }))).toEqual([]);
    expect(ledger.judge(reopened({ ...rest, base, entries: [entry(3, 1)] }))).not.toEqual([]);
    expect(ledger.judge(reopened({ ...rest, entries: three }))).not.toEqual([]);
  });

  it('an acknowledged purge must be done, an attempted one may be', () => {
    const ledger = threeAcknowledged();
    ledger.acknowledge(ledger.attempt({ hardState: committed }));
    const whole = reopened({ entries: three, hardState: committed });
    const base = { index: 2, term: 1 };
    const purged = reopened({ base, entries: [entry(3)], hardState: committed });
    const id = ledger.attempt({ purgeTo: 2 });
    expect([ledger.judge(whole), ledger.judge(purged)]).toEqual([[], []]);
    ledger.acknowledge(id);
    expect(ledger.judge(purged)).toEqual([]);
    expect(ledger.judge(whole)[0]).toMatch(/the log starts at 1, expected 3/);
    const lower = reopened({ base, entries: [entry(3)] });
    expect(ledger.judge(lower)[0]).toMatch(/commit index is 0, expected 2 to 2/);
  });

  it('an inexact purge may show old entries again, unaltered', () => {
    const ledger = threeAcknowledged(new Ledger({ exactPurge: false }));
    ledger.acknowledge(ledger.attempt({ hardState: committed }));
    ledger.acknowledge(ledger.attempt({ purgeTo: 2 }));
    expect(ledger.judge(reopened({ entries: three, hardState: committed }))).toEqual([]);
    const altered = [entry(1), entry(2, 1, 'payload X'), entry(3)];
    const judged = ledger.judge(reopened({ entries: altered, hardState: committed }));
    expect(judged[0]).toMatch(/entry 2 is altered/);
  });
});

describe('after a crash', () => {
  it('entries that a reopened log showed must stay', () => {
    const ledger = threeAcknowledged();
    ledger.attempt({ entries: [entry(4)] });
    const four = reopened({ entries: [...three, entry(4)] });
    expect(ledger.judge(four)).toEqual([]);
    ledger.adopt(four);
    expect(ledger.judge(four)).toEqual([]);
    expect(ledger.judge(reopened({ entries: three }))[0]).toMatch(/4 to 4 are lost/);
    ledger.acknowledge(ledger.attempt({ entries: [entry(5)] }));
    expect(ledger.judge(reopened({ entries: [...three, entry(4), entry(5)] }))).toEqual([]);
  });

  it('entries that a reopened log did not show must not appear later', () => {
    const ledger = threeAcknowledged();
    ledger.attempt({ entries: [entry(4)] });
    ledger.adopt(reopened({ entries: three }));
    expect(ledger.judge(reopened({ entries: [...three, entry(4)] }))).not.toEqual([]);
  });

  it('a log that cannot be read is a violation, not an error of the test', () => {
    const log = reopened({ entries: three });
    const storage = {
      ...log.storage,
      entries: (): Entry[] => {
        throw new CompactedError(1, 2);
      },
    };
    const found = threeAcknowledged().judge({ ...log, storage });
    expect(found[0]).toMatch(/cannot be read: WAL_COMPACTED/);
  });
});
