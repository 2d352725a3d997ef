/** Reads the log files that the members write, and checks their lines. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterNode } from '../../cluster/cluster.ts';
import { nodeLogName } from '../../cluster/node-log.ts';

export async function logLines({ directory }: ClusterNode): Promise<readonly string[]> {
  const text = await readFile(join(directory, nodeLogName), 'utf8').catch(() => '');
  return text.split('\n').slice(0, -1);
}

/**
 * Control characters and characters that change the text direction, which a log line must not
 * contain.
 */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** The message of a line; `undefined` when the logger of a node did not write the line. */
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
