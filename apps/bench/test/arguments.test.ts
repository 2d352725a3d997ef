/** Which parts the benchmark runs, and what it answers to words that it does not know. */
import { describe, expect, it } from 'vitest';
import { parseArguments, parts, usage } from '../src/arguments.ts';

const only = (...args: string[]): string[] => [...(parseArguments(args)?.parts ?? [])];

describe('the arguments of the benchmark', () => {
  it('choose all parts, five rounds and the temporary directory where they are left out', () => {
    expect(parseArguments([])).toEqual({ directory: undefined, rounds: 5, parts: new Set(parts) });
  });

  it('take one part, or a list of them', () => {
    expect(only('--only', 'core')).toEqual(['core']);
    expect(only('--only', 'save,core')).toEqual(['save', 'core']);
    expect(only('--only=save,core')).toEqual(['save', 'core']);
    expect(only('--only', 'save, core,save')).toEqual(['save', 'core']);
    expect(only('--only', 'save', '--only', 'core')).toEqual(['save', 'core']);
    expect(only('--only', parts.join(','))).toEqual([...parts]);
  });

  it.each(['', 'nothing', 'save,', ',save', 'save,,core', 'save core', 'Save', 'save;core'])(
    'refuse the list %j, and name the words that are allowed',
    (list) => {
      const parse = (): unknown => parseArguments(['--only', list]);
      expect(parse).toThrow(TypeError);
      expect(parse).toThrow(
        `--only must be a list of save, read, memory, level, core, transport, node, separated by commas; got '${list}', in which '`,
      );
    },
  );

  it('name the word that is wrong', () => {
    expect(() => parseArguments(['--only', 'save,cor'])).toThrow("in which 'cor' is none of them");
  });

  it.each(['0', '-1', '1.5', 'many', ''])('refuse %j rounds', (rounds) => {
    expect(() => parseArguments([`--rounds=${rounds}`])).toThrow(
      `--rounds must be a whole number from 1 on, got '${rounds}'`,
    );
  });

  it('refuse what is no option', () => {
    expect(() => parseArguments(['--onyl', 'save'])).toThrow(TypeError);
    expect(() => parseArguments(['save'])).toThrow(TypeError);
  });

  it('ask for help, which names every part', () => {
    expect(parseArguments(['--help'])).toBeUndefined();
    for (const part of parts) expect(usage).toContain(part);
  });
});
