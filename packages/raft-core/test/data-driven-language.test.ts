/**
 * The language of data-driven files, including commands that no file uses yet. The original is the
 * Go library cockroachdb/datadriven; the commands are those of etcd-io/raft `rafttest/`.
 */

import { describe, expect, it } from 'vitest';
import { ConfChangeEnvironment } from './datadriven/confchange-commands.ts';
import { parseDirectiveLine, parseFile, type Directive } from './datadriven/grammar.ts';
import { InteractionEnvironment } from './datadriven/interaction-commands.ts';
import { runQuorumDirective } from './datadriven/quorum-commands.ts';

function directivesOf(...lines: string[]): Directive[] {
  return parseFile(`${lines.join('\n')}\n`);
}

function partsOf({ command, input, expected }: Directive): string[] {
  return [command, input, expected];
}

/** Returns the outputs of directives that run in one environment. */
function run(...texts: string[]): string[] {
  const environment = new InteractionEnvironment();
  return texts.map((text) => {
    const [directive] = parseFile(`${text}\n----\n`);
    if (directive === undefined) throw new Error(`no directive: ${text}`);
    return environment.run(directive);
  });
}

const twoNodes = ['log-level none', 'add-nodes 2 voters=(1,2) index=10', 'log-level debug'];

describe('files', () => {
  it('comments and blank lines are skipped between directives, and only there', () => {
    const parsed = directivesOf('# no', '', ' \t', 'a x', '# in', '----', '# out', '', '#', 'b');
    expect(parsed.map(partsOf)).toEqual([
      ['a', '# in', '# out\n'],
      ['b', '', ''],
    ]);
  });

  it('a line is continued after a backslash', () => {
    const [directive] = directivesOf('  a x \\', '   y \\', 'z=(1, 2)', '----', 'ok');
    expect(directive?.args).toEqual([
      { key: 'x', values: [] },
      { key: 'y', values: [] },
      { key: 'z', values: ['1', '2'] },
    ]);
  });

  it('the input is trimmed as a whole, the lines of an output stay as they are', () => {
    const parsed = directivesOf('a', ' ', ' one', 'two ', '', '----', '  x ', '', 'b', '----', '');
    expect(parsed.map(partsOf)).toEqual([
      ['a', 'one\ntwo', '  x \n'],
      ['b', '', ''],
    ]);
  });

  it('a double separator encloses an output with blank lines', () => {
    const output = ['one', '', '----', 'two', ''];
    const parsed = directivesOf('a', '----', '----', ...output, '----', '----', '', 'b', '----');
    expect(parsed.map(partsOf)).toEqual([
      ['a', '', 'one\n\n----\ntwo\n\n'],
      ['b', '', ''],
    ]);
    expect(() => directivesOf('a', '----', '----', 'one')).toThrow('has no end');
    expect(() => directivesOf('a', '----', '----', '----', '----', 'b')).toThrow('a blank line');
  });

  it('arguments', () => {
    expect(parseDirectiveLine('a  b c= d=e e=(f(1,2),  g h,) "i"\tj k=()')).toEqual({
      command: 'a',
      args: [
        { key: 'b', values: [] },
        { key: 'c', values: [''] },
        { key: 'd', values: ['e'] },
        { key: 'e', values: ['f(1,2)', 'g h', ''] },
        { key: '"i"\tj', values: [] },
        { key: 'k', values: [''] },
      ],
    });
    expect(() => parseDirectiveLine('a =b')).toThrow('without key');
    expect(() => parseDirectiveLine('a b=(c')).toThrow('without end');
  });
});

describe('interaction commands', () => {
  it('unknown commands are errors, even names that each JavaScript object has', () => {
    expect(run('hello', 'toString', 'constructor')).toEqual(Array(3).fill('unknown command'));
    expect(run('_breakpoint', 'log-level None', 'log-level LOUD', 'raft-state')).toEqual([
      'ok',
      'ok',
      'log levels must be either of [DEBUG INFO WARN ERROR FATAL NONE]',
      'ok',
    ]);
  });

  it('add-nodes: a node that cannot be started is an error', () => {
    const needsIndex = 'index must be specified as > 1 due to bootstrap';
    expect(run('add-nodes 1 voters=(1)', 'add-nodes 1 learners=(1) index=1')).toEqual([
      needsIndex,
      needsIndex,
    ]);
    expect(run('add-nodes 1 read-only=no')).toEqual(['invalid read-only option "no"']);
    const huge = 'add-nodes 1 voters=(1) index=2 max-committed-size-per-ready=9223372036854775807';
    expect(run('log-level none', huge)).toEqual(['ok', 'ok']);
  });

  it('deliver-msgs: a node that is named twice must not also be dropped', () => {
    expect(run(...twoNodes, 'deliver-msgs 1 1 drop=2').at(-1)).toBe('no messages\n');
    expect(() => run(...twoNodes, 'deliver-msgs 1 drop=(1)')).toThrow('1');
    expect(() => run(...twoNodes, 'deliver-msgs drop=(2,2)')).toThrow('2');
  });

  it('messages to nodes that do not exist yet can be sent and dropped', () => {
    const text =
      '1->3 MsgSnap Term:0 Log:0/0\n  Snapshot: Index:10 Term:1 ConfState:Voters:[1 2] ' +
      'VotersOutgoing:[] Learners:[] LearnersNext:[] AutoLeave:false';
    expect(run(...twoNodes, 'send-snapshot 1 3', 'deliver-msgs type=MsgSnap drop=3')).toEqual([
      'ok',
      'ok',
      'ok',
      text,
      `dropped: ${text}\n`,
    ]);
  });

  it('a snapshot that is sent before any election is handled', () => {
    const outputs = run(...twoNodes, 'send-snapshot 1 2', 'deliver-msgs 2');
    expect(outputs.at(-1)).toContain(
      'AutoLeave:false\nINFO 2 [commit: 10] ignored snapshot [index: 10, term: 1]\n',
    );
  });

  it('an error at level none is the whole output, at any other it follows the log lines', () => {
    const proposals = ['propose 1 x', 'log-level none', 'propose 1 x'];
    expect(run(...twoNodes, ...proposals).slice(3)).toEqual([
      'INFO 1 no leader at term 0; dropping proposal\nraft proposal dropped',
      'ok',
      'raft proposal dropped',
    ]);
  });
});

/** Go's error texts for input that is not a number. */
const notNumbers: [operation: string, text: string][] = [
  ['vx', 'strconv.ParseUint: parsing "x": invalid syntax'],
  ['v-1', 'strconv.ParseUint: parsing "-1": invalid syntax'],
  ['v1\nl2', String.raw`strconv.ParseUint: parsing "1\nl2": invalid syntax`],
  [
    'r18446744073709551616',
    'strconv.ParseUint: parsing "18446744073709551616": value out of range',
  ],
];

describe('operations', () => {
  it.each([...notNumbers, ['v', 'unknown token v'], ['x1', 'unknown input: x1']])(
    '%j',
    (operation, text) => {
      expect(run(...twoNodes, `propose-conf-change 1\n${operation}`).at(-1)).toBe(text);
      const environment = new ConfChangeEnvironment();
      const [directive] = directivesOf('simple', operation, '----');
      expect(directive && environment.run(directive)).toBe(text);
    },
  );

  it('two spaces enclose an operation without letter', () => {
    expect(run(...twoNodes, 'propose-conf-change 1\nv1  v2').at(-1)).toBe('unknown token ');
  });
});

describe('quorum commands', () => {
  it.each([
    [
      'committed cfg=(2,1) idx=(3)',
      'error: mismatched input (explicit or _) for voters map[1:{} 2:{}]: [3]',
    ],
    [
      'vote cfg=(1) cfgj=(2,3) votes=(y,_)',
      'error: mismatched input (explicit or _) for voters map[1:{} 2:{} 3:{}]: [2 0]',
    ],
    ['committed', '<empty majority quorum>∞\n'],
    ['vote cfgj=zero', 'VoteWon\n'],
  ])('%s', (line, text) => {
    const [directive] = directivesOf(line, '----');
    expect(directive && runQuorumDirective(directive)).toBe(text);
  });
});
