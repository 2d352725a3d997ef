/** Entries as lines with digests: comparing payloads byte by byte takes a test library minutes. */
import { createHash } from 'node:crypto';
import type { Entry } from '@babuza/raftpb';
import type { EtcdEntry } from '../../src/inspect.ts';

export function lineOf({ index, term, type, data }: Entry | EtcdEntry): string {
  const digest = data === undefined ? 'none' : createHash('sha256').update(data).digest('hex');
  return `${index} of ${term}, type ${type}: ${digest}`;
}

export function linesOf(entries: readonly (Entry | EtcdEntry)[]): string[] {
  return entries.map((entry) => lineOf(entry));
}
