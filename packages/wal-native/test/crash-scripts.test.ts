/**
 * Power cuts at every call of scripted workloads, one for each operation of a log, then at every
 * call of the following recovery, and of the recovery after that. Recovery must come to the same
 * log however often it is interrupted.
 */
import { afterAll, describe, it } from 'vitest';
import { ScriptCrashes, scripts } from '@babuza/testkit/ladder';
import { backEnd } from './support/workload.ts';

const crashes = new ScriptCrashes(backEnd);

afterAll(() => console.log(String(crashes)));

describe('a power cut at every call of a script', () => {
  for (const script of scripts) it(script.name, () => crashes.run(script));
});
