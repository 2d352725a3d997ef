/**
 * The second process of a log: it opens, uses and closes the log while the disk fails, and records
 * what was reported.
 */
import { isRefusal, WalError, type OpenedWal, type WalManager } from '@babuza/wal-core';
import type { Ledger, LedgerBatch } from '@babuza/wal-core/conformance';
import type { SimulatedEnvironment } from '../simulated-environment.ts';
import { perform } from './author.ts';
import { expectThat } from './back-end.ts';
import { entriesFrom } from './scripts.ts';

/** The reports of the process whose disk failed. */
export interface Outcome {
  readonly errors: unknown[];
  /** The failure that a purge reported without throwing. */
  heldBy: string | undefined;
  readonly readsMayFail: boolean;
}

const oneVoter = {
  voters: [1n],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

export async function runSecondProcess(
  environment: SimulatedEnvironment,
  manager: WalManager,
  ledger: Ledger,
  readsMayFail: boolean,
): Promise<Outcome> {
  const outcome: Outcome = { errors: [], heldBy: undefined, readsMayFail };
  const note = (error: unknown): undefined => {
    outcome.errors.push(error);
    return undefined;
  };
  await manager.findSnapshots().catch(note);
  const opened = await manager.replayWal().catch(note);
  if (opened !== undefined) await useLog(environment, opened, ledger, outcome);
  await manager.close().catch(note);
  return outcome;
}

async function useLog(
  { clock }: SimulatedEnvironment,
  opened: OpenedWal,
  ledger: Ledger,
  outcome: Outcome,
): Promise<void> {
  const { storage, wal, hardState } = opened;
  const before = storage.lastIndex();
  const commit = Math.max(before - 2, hardState.commit);
  const term = Math.max(hardState.term, storage.term(before));
  const snapshot = { index: commit, term: storage.term(commit), confState: oneVoter };
  const batches: LedgerBatch[] = [
    {
      entries: entriesFrom(before + 1, 4, term + 1, 700),
      hardState: { term: term + 1, vote: 2n, commit },
    },
    { entries: entriesFrom(before + 5, 14, term + 1, 700) },
    { snapshot },
    {
      entries: entriesFrom(before + 19, 1, term + 2, 20),
      hardState: { term: term + 2, vote: 1n, commit },
    },
  ];
  for (const batch of batches) {
    let error = await perform(opened, ledger, batch);
    if (isRefusal(error)) {
      outcome.errors.push(error);
      // The refused save changed nothing. Once there is space, the same entries can be saved.
      error = await perform(opened, ledger, batch);
    }
    if (error !== undefined) {
      outcome.errors.push(error);
      if (!isRefusal(error)) {
        expectThat(error.code === 'WAL_POISONED', `a save failed with ${error.code}`);
        const later = await perform(opened, ledger, { sync: true });
        expectThat(later?.code === 'WAL_POISONED', 'the log is no longer poisoned');
      }
      readAll(opened, outcome);
      return;
    }
    await clock.sleep(60);
  }
  const id = ledger.attempt({ purgeTo: commit });
  try {
    outcome.heldBy = (await wal.purge(commit)).heldBy;
    ledger.acknowledge(id);
  } catch (error) {
    outcome.errors.push(error);
  }
  readAll(opened, outcome);
}

/**
 * Everything that is durable can be read in every state of the log, unless reads are the calls that
 * fail.
 */
function readAll({ storage }: OpenedWal, outcome: Outcome): void {
  const first = storage.firstIndex();
  const last = storage.lastIndex();
  try {
    const { length } = storage.entries(first, last + 1, Infinity);
    expectThat(
      length === last + 1 - first,
      `${length} entries were read from index ${first} to ${last}`,
    );
  } catch (error) {
    const mayFail = outcome.readsMayFail || outcome.errors.length === 0;
    if (!(error instanceof WalError) || !mayFail) throw error;
    outcome.errors.push(error);
  }
}
