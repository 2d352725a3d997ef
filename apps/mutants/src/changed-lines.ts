/** The lines that differ from a commit, as git tells them. */
import { execFileSync } from 'node:child_process';
import { root } from './files.ts';

/** Whether a range of lines of a file was touched. */
export type IsChanged = (file: string, firstLine: number, lastLine: number) => boolean;

/** Throws what git says where the commit is not known. */
export function changedSince(ref: string): IsChanged {
  const diff = execFileSync('git', ['diff', '--unified=0', '--no-color', ref, '--', 'packages'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  });
  return parseDiff(diff);
}

/** Reads the output of `git diff --unified=0`. */
export function parseDiff(diff: string): IsChanged {
  const changed = new Map<string, { first: number; last: number }[]>();
  let ranges: { first: number; last: number }[] = [];
  for (const line of diff.split('\n')) {
    const file = /^\+\+\+ b\/(.+)$/.exec(line)?.[1];
    if (file !== undefined) {
      ranges = [];
      changed.set(file, ranges);
    }
    const hunk = /^@@ -\S+ \+(\d+)(?:,(\d+))? @@/.exec(line);
    if (hunk === null) continue;
    const first = Number(hunk[1]);
    // Removed lines leave a range without lines: the lines around it count.
    const count = Number(hunk[2] ?? '1');
    ranges.push(count === 0 ? { first, last: first + 1 } : { first, last: first + count - 1 });
  }
  return (file, firstLine, lastLine) =>
    (changed.get(file) ?? []).some(({ first, last }) => first <= lastLine && last >= firstLine);
}
