/**
 * Reads every acknowledged key from every node, compares the values with the writes of the clients,
 * and compares the states of the nodes with each other.
 */
import { counted } from '../common/figures.ts';
import type { Stage } from './stage.ts';

const readersPerNode = 16;
/** At most this many problems are printed; the others are counted. */
const problemsShown = 5;

/** The contents that each node must have. */
export interface Expectations {
  readonly keys: readonly string[];
  /** Describes how the value that a node returned is wrong; `undefined` when it is right. */
  problemOf(key: string, found: Uint8Array | undefined): string | undefined;
}

export async function verifyEverywhere(stage: Stage, expected: Expectations): Promise<void> {
  const { terminal, timeline, cluster, admin } = stage;
  const index = await stage.agree();
  const { keys } = expected;
  const total = keys.length * cluster.running.length;
  let read = 0;
  const problems: string[] = [];
  for (const { id, apiUrl } of cluster.running) {
    let next = 0;
    const reader = async (): Promise<void> => {
      for (let key = keys[next++]; key !== undefined; key = keys[next++]) {
        const found = await admin.get(key, { stale: true, at: apiUrl });
        const problem = expected.problemOf(key, found);
        if (problem !== undefined) problems.push(`node ${id}: ${problem}`);
        read += 1;
        terminal.progress(read, total, () => `compared with node ${id}`);
      }
    };
    await Promise.all(Array.from({ length: readersPerNode }, reader));
  }
  terminal.clearProgress();
  for (const problem of problems.slice(0, problemsShown)) stage.fail(problem);
  if (problems.length > problemsShown) {
    stage.fail(`and ${counted(problems.length - problemsShown, 'more problem')} like these`);
  }
  const everywhere = `on each of ${counted(cluster.running.length, 'node')}`;
  if (problems.length === 0) {
    timeline.good(
      `the acknowledged values of ${counted(keys.length, 'key')} are ${everywhere}, byte for byte`,
    );
  }
  await compareDigests(stage, index);
}

async function compareDigests(stage: Stage, index: number): Promise<void> {
  const { admin, cluster, timeline } = stage;
  const digests = await Promise.all(
    cluster.running.map(({ apiUrl }) => admin.cluster.digest({ at: apiUrl })),
  );
  const different = new Set(digests.map(({ sha256 }) => sha256));
  const [first] = different;
  if (different.size > 1)
    stage.fail(`the states differ at index ${index}: ${[...different].join(', ')}`);
  else
    timeline.good(
      `all nodes have the same state at index ${index}: SHA-256 ${first?.slice(0, 16)}…`,
    );
}
