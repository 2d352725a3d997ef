/** The logs that are forged: two segments, with a conflict, a marker and a purge in their lives. */
import { runWorkload, SimulatedDisk, simulatedEnvironment } from '@babuza/testkit';
import type { Environment } from '@babuza/vfs';
import type { WalManager } from '@babuza/wal-core';
import type { LogFiles } from './edits.ts';
import { filesOf } from './open-forged.ts';

const confState = {
  voters: [3n],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};
const metadata = { clusterId: 7n, nodeId: 3n, identity: Uint8Array.from([1, 2, 3]) };

export async function baseLogs(
  open: (environment: Environment) => WalManager,
): Promise<LogFiles[]> {
  const logs: LogFiles[] = [];
  for (const isClosed of [true, false]) {
    const disk = new SimulatedDisk({ seed: 1 });
    const environment = simulatedEnvironment(1, disk);
    await runWorkload(environment, () => write(open(environment), isClosed));
    logs.push(filesOf(isClosed ? disk : disk.kill(1)));
  }
  return logs;
}

async function write(manager: WalManager, isClosed: boolean): Promise<void> {
  const { wal } = await manager.createWal(metadata);
  let last = 0;
  const append = async (count: number, term: number): Promise<void> => {
    const entries = Array.from({ length: count }, (_, at) => ({
      index: last + 1 + at,
      term,
      type: 0 as const,
      data: new Uint8Array(300 + 100 * (at % 5)).fill(last + at),
    }));
    const hardState = { term, vote: 3n, commit: last };
    last += count;
    await wal.save({ entries, hardState });
  };
  for (let batch = 0; batch < 5; batch += 1) await append(3, 1);
  last -= 2;
  await append(2, 2);
  await wal.saveSnapshot({ index: 9, term: 1, confState });
  await wal.purge(4);
  for (let batch = 0; batch < 5; batch += 1) await append(4, 2);
  if (isClosed) await manager.close();
}
