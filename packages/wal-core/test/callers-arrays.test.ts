/** Changes that callers make to their arrays while a save is pending do not reach the log. */
import { describe, expect, it } from 'vitest';
import { AcceptedLog, LogState, TermIndex } from '@babuza/wal-core/backend';
import { entries, marker } from './samples.ts';

describe('a plan', () => {
  const accepted = (): AcceptedLog => new AcceptedLog(new LogState(new TermIndex()), 1024 * 1024);

  it('keeps the entries that were accepted when the caller fills the array again', () => {
    const batch = entries(1, 3);
    const plan = accepted().acceptSave({ entries: batch });
    batch.length = 1;
    batch.push(...entries(7, 9, 2));
    expect(plan.entries).toEqual(entries(1, 3));
  });

  it('keeps the members of a snapshot when the caller fills the lists again', () => {
    const snapshot = marker(7, 2, 1n, 2n);
    const voters = [...snapshot.confState.voters];
    const given = { ...snapshot, confState: { ...snapshot.confState, voters } };
    const plan = accepted().acceptSave({ snapshot: given });
    voters.length = 0;
    expect(plan.marker).toEqual(snapshot);
  });
});
