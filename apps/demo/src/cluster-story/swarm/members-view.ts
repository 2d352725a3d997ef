/** Reads terms, processor time and logs of all running members from outside. */
import type { Stage } from '../stage.ts';
import { logLines } from './node-logs.ts';
import { processorSeconds } from './resident.ts';

export async function highestTerm({ cluster, admin }: Stage): Promise<number> {
  const terms = cluster.running.map(async ({ apiUrl }) => {
    const { term } = await admin.cluster.status({ at: apiUrl });
    return term;
  });
  return Math.max(...(await Promise.all(terms)));
}

/** The total processor time of all members since their start. */
export async function processorSecondsOf({ cluster }: Stage): Promise<number> {
  const each = cluster.running.map(({ handle }) => processorSeconds(handle.processId));
  return (await Promise.all(each)).reduce((sum, seconds) => sum + seconds, 0);
}

export type Logs = ReadonlyMap<bigint, readonly string[]>;

export async function logsOf({ cluster }: Stage): Promise<Logs> {
  const logs = cluster.running.map(async (node) => [node.id, await logLines(node)] as const);
  return new Map(await Promise.all(logs));
}

/** The lines that the members have written since `before`. */
export async function logsSince(stage: Stage, before: Logs): Promise<Logs> {
  const now = [...(await logsOf(stage))];
  return new Map(now.map(([id, lines]) => [id, lines.slice(before.get(id)?.length ?? 0)]));
}
