/**
 * Power cuts at every call of scripts, of the recovery after them, and of the next recovery. The
 * scripts are those of all logs, and scripts for this format: a log that is written again, and a
 * segment that grows.
 */
import { afterAll, describe, it } from 'vitest';
import {
  confState,
  entriesFrom,
  filled,
  ScriptCrashes,
  scripts,
  state,
  type Script,
} from '@babuza/testkit/ladder';
import { backEnd } from './support/back-end.ts';

const own: readonly Script[] = [
  {
    name: 'what is not committed is dropped: an entry is recorded again',
    before: filled,
    steps: ['discard', { entries: entriesFrom(11, 2, 2, 100), hardState: state(2, 10) }],
  },
  {
    name: 'what is not committed is dropped: the purged entry before the log is recorded again',
    before: [
      { entries: entriesFrom(1, 12, 1, 1300), hardState: state(1, 6) },
      { entries: entriesFrom(13, 3, 1, 1300) },
      { purgeTo: 6 },
    ],
    steps: ['discard', { entries: entriesFrom(7, 2, 2, 100), hardState: state(2, 7) }],
  },
  {
    name: 'what is not committed is dropped: the log is written anew, behind a snapshot',
    before: [
      ...filled,
      { snapshot: { index: 10, term: 1, confState } },
      { entries: entriesFrom(13, 8, 1, 1900) },
    ],
    steps: ['discard', { entries: entriesFrom(11, 2, 2, 100), hardState: state(2, 11) }],
  },
  {
    name: 'what is not committed is dropped: the log is written anew, from its beginning',
    before: [{ entries: entriesFrom(1, 8, 1, 1900) }, { entries: entriesFrom(9, 8, 1, 1900) }],
    steps: ['discard', { entries: entriesFrom(1, 2, 2, 100), hardState: state(2, 1) }],
  },
  {
    name: 'segments are purged, and an installed snapshot resets the log at a cut',
    before: [
      { entries: entriesFrom(1, 12, 1, 1300), hardState: state(1, 6) },
      { entries: entriesFrom(13, 12, 1, 1300), hardState: state(1, 20) },
      { entries: entriesFrom(25, 12, 1, 1300), hardState: state(1, 30) },
    ],
    steps: [
      [
        { snapshot: { index: 30, term: 1, confState } },
        { purgeTo: 30 },
        { entries: entriesFrom(37, 12, 1, 1300) },
      ],
      [
        { snapshot: { index: 90, term: 4, confState }, hardState: state(4, 90) },
        { entries: entriesFrom(91, 3, 4, 300) },
      ],
      { purgeTo: 90 },
    ],
  },
];

const crashes = new ScriptCrashes(backEnd, { exhaustiveMax: 8, samples: 5 });

afterAll(() => console.log(String(crashes)));

describe('a power cut at every call of a script', () => {
  for (const script of [...scripts, ...own]) it(script.name, () => crashes.run(script));
});
