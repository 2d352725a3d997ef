/**
 * The kept inputs and the samples of all targets, each once: what was found before is not there
 * again.
 */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { corpusFolder, corpusOf } from '../src/corpus.ts';
import { judge } from '../src/judge.ts';
import { problemOf } from '../src/problem.ts';
import { targets } from '../src/targets/index.ts';

/** It starts a cluster for each of its inputs; `live.test.ts` does that once. */
const quickTargets = targets.filter(({ name }) => name !== 'live');

describe('the corpus', () => {
  it.each(quickTargets)('of $name is taken as it should', async ({ name, decoders }) => {
    const kept = corpusOf(name);
    const problems: string[] = [];
    for (const decoder of decoders) {
      const own = kept.filter((each) => each.decoder === decoder.name);
      for (const input of [...decoder.samples, ...own.map(({ input }) => input)]) {
        await judge(decoder, input).catch((error: unknown) => {
          problems.push(
            `${decoder.name} ${Buffer.from(input).toString('hex')}: ${problemOf(error)}`,
          );
        });
      }
    }
    expect(problems).toEqual([]);
  });

  it('has a file for targets only, and lines for decoders of the target only', () => {
    const files = readdirSync(corpusFolder);
    expect(files.length).toBeGreaterThan(0);
    expect(targets.map(({ name }) => `${name}.txt`)).toEqual(expect.arrayContaining(files));
    const unknown = targets.flatMap(({ name, decoders }) =>
      corpusOf(name).filter((each) => !decoders.some((decoder) => decoder.name === each.decoder)),
    );
    expect(unknown).toEqual([]);
  });

  it.each(quickTargets)('every sample of $name is taken, not refused', async ({ decoders }) => {
    for (const { name, samples, run } of decoders) {
      const [sample] = samples;
      const outcome = sample === undefined ? undefined : await run(sample);
      expect(outcome?.kind, name).toBe('value');
    }
  });
});
