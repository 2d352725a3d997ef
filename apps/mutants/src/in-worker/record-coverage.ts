/**
 * A setup file of the run that records coverage: each test tells which points it passed, and its
 * file tells what was passed outside all tests (while modules were loaded, or between two tests).
 */
import { afterEach, beforeEach } from 'vitest';
import { passedName } from '../passed-name.ts';

declare module 'vitest' {
  interface TaskMeta {
    /** The points that were passed, as `file:number`. */
    passedPoints?: string[];
  }
}

const passed = new Set<string>();
Object.assign(globalThis, { [passedName]: passed });
const outside = new Set<string>();

beforeEach(() => {
  for (const point of passed) outside.add(point);
  passed.clear();
});

afterEach(({ task }) => {
  task.meta.passedPoints = [...passed];
  task.file.meta.passedPoints = [...outside];
  passed.clear();
});
