/** Measures the memory, handles and disk space of a node. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterNode } from '../cluster/cluster.ts';
import type { KeyValueClient } from '../cluster/client/index.ts';

export interface ProcessFigures {
  readonly rssBytes: number;
  /** The JavaScript heap, and the memory outside of it that its objects own. */
  readonly heapBytes: number;
  readonly handles: number;
}

/** Returns `undefined` when the node does not answer within two seconds. */
export async function processFigures(
  client: KeyValueClient,
  { apiUrl }: ClusterNode,
): Promise<ProcessFigures | undefined> {
  const asked = client.cluster.status({ at: apiUrl, deadlineMs: 2000 });
  const figures = (await asked.catch(() => undefined))?.all['figures'];
  if (figures === undefined) return undefined;
  return {
    rssBytes: figureOf(figures, 'rss'),
    heapBytes: figureOf(figures, 'heapUsed') + figureOf(figures, 'external'),
    handles: figureOf(figures, 'handles'),
  };
}

function figureOf(figures: unknown, name: string): number {
  const value: unknown =
    typeof figures === 'object' && figures !== null ? Reflect.get(figures, name) : undefined;
  return typeof value === 'number' ? value : 0;
}

/** Allocated bytes of all files below `directory`. A file that disappears meanwhile counts as 0. */
export async function bytesBelow(directory: string): Promise<number> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  let bytes = 0;
  for (const entry of entries) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) bytes += await bytesBelow(path);
    else
      bytes += await stat(path)
        .then(({ blocks }) => blocks * 512)
        .catch(() => 0);
  }
  return bytes;
}
