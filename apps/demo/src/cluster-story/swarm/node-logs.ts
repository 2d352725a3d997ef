/** The lines that the members wrote into their logs while they were attacked. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterNode } from '../../cluster/cluster.ts';
import { nodeLogName } from '../../cluster/node-log.ts';

export async function logLines({ directory }: ClusterNode): Promise<readonly string[]> {
  const text = await readFile(join(directory, nodeLogName), 'utf8').catch(() => '');
  return text.split('\n').slice(0, -1);
}

/** Control characters and what turns the direction of writing have no place in a line. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** The message of a line; nothing where the line is not what the logger of a node writes. */
export function messageOf(line: string): string | undefined {
  if (unprintable.test(line)) return undefined;
  try {
    const parsed: unknown = JSON.parse(line);
    const message: unknown =
      typeof parsed === 'object' && parsed !== null ? Reflect.get(parsed, 'message') : undefined;
    return typeof message === 'string' && message !== 'forged' ? message : undefined;
  } catch {
    return undefined;
  }
}
