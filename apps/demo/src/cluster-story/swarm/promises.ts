/** Prints the figures of a swarm run, and checks each promise of docs/SECURITY.md. */
import { loadavg } from 'node:os';
import { byteSize, count, counted, duration } from '../../common/figures.ts';
import type { Terminal } from '../../common/terminal.ts';
import type { Stage } from '../stage.ts';
import type { LoadBySlice } from './load-figures.ts';
import { messageOf } from './node-logs.ts';
import type { ResidentMemory } from './resident.ts';
import type { SwarmResult } from './swarm-run.ts';

const mebibyte = 1024 * 1024;
/** The default budget of a transport for all unfinished input together. */
const budgetBytes = 128 * mebibyte;
/** How much resident memory may grow, as a multiple of the budget. */
const growthFactor = 1.5;
export const growthBytesMax: number = budgetBytes * growthFactor;
/** The most lines that a member may log per started minute. */
export const linesPerMinuteMax = 40;
/**
 * The throughput during attacks on the members must be at least this share of the throughput during
 * attacks on the dummy.
 */
const throughputShareMin = 0.5;

export function showFigures(
  terminal: Terminal,
  { outcomes, processor, logLines }: SwarmResult,
  load: LoadBySlice,
  memory: ResidentMemory,
): void {
  for (const aim of ['dummy', 'members'] as const) {
    const { writesPerSecond, p99Ms, seconds } = load.of(aim);
    terminal.note(`the swarm attacks the ${aim}`);
    terminal.table([
      [
        'writes',
        `${count(Math.round(writesPerSecond))}/s`,
        `acknowledged, in ${seconds.toFixed(1)} s`,
      ],
      ['p99', duration(p99Ms), 'latency of a write, as the client sees it'],
      ['swarm', `${processor[aim].swarm.toFixed(1)} s`, 'of processor time'],
      ['members', `${processor[aim].members.toFixed(1)} s`, 'of processor time, total'],
    ]);
    terminal.line();
  }
  terminal.note('resident memory of the members, and lines in their logs');
  terminal.table(
    memory.figures.map(({ id, baselineBytes, peakBytes }) => [
      `node ${id}`,
      byteSize(peakBytes),
      `at most; ${byteSize(baselineBytes)} before, at most ${byteSize(baselineBytes + growthBytesMax)} allowed; ${counted(logLines.get(id)?.length ?? 0, 'line')}`,
    ]),
  );
  terminal.line();
  terminal.note('attacks on the members, and how they ended');
  terminal.table(
    [...outcomes].map(([attack, ended]) => [attack, count(sumOf(ended.values())), told(ended)]),
  );
  terminal.line();
  showLogs(terminal, logLines);
  const [one = 0] = loadavg();
  terminal.note(`load average of the machine in the last minute: ${one.toFixed(1)}`);
}

const sumOf = (values: Iterable<number>): number =>
  [...values].reduce((sum, value) => sum + value, 0);

const told = (outcomes: ReadonlyMap<string, number>): string =>
  [...outcomes]
    .sort(([, left], [, right]) => right - left)
    .map(([outcome, times]) => `${count(times)} ${outcome}`)
    .join(', ');

const kindsShown = 12;
const messageLengthShown = 90;

function showLogs(terminal: Terminal, logLines: SwarmResult['logLines']): void {
  const kinds = new Map<string, number>();
  for (const line of [...logLines.values()].flat()) {
    const kind = (messageOf(line) ?? 'a line that the logger did not write').slice(
      0,
      messageLengthShown,
    );
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  if (kinds.size === 0) return;
  terminal.note('what the members wrote into their logs');
  const most = [...kinds].sort(([, left], [, right]) => right - left).slice(0, kindsShown);
  terminal.table(most.map(([kind, times]) => [kind, count(times), '']));
  terminal.line();
}

export function checkPromises(
  stage: Stage,
  { termChanges, logLines, elapsedMs }: SwarmResult,
  load: LoadBySlice,
  memory: ResidentMemory,
): void {
  const check = (isKept: boolean, text: string): void => {
    if (isKept) stage.timeline.good(text);
    else stage.fail(text);
  };
  check(
    termChanges.members === 0,
    `${counted(termChanges.members, 'change')} of the term while the swarm attacked the members`,
  );
  if (termChanges.dummy > 0) {
    stage.timeline.note(
      `the term changed ${termChanges.dummy} times during attacks on the dummy, too: the machine is too slow for this load`,
    );
  }
  const [dummy, members] = [load.of('dummy'), load.of('members')];
  const share = members.writesPerSecond / dummy.writesPerSecond;
  check(
    share >= throughputShareMin,
    `the throughput is ${(share * 100).toFixed(0)} % of that during attacks on the dummy; at least ${throughputShareMin * 100} % are promised`,
  );
  for (const { id, baselineBytes, peakBytes } of memory.figures) {
    const grown = peakBytes - baselineBytes;
    check(
      grown <= growthBytesMax,
      `node ${id} has grown by ${byteSize(grown)}; at most ${byteSize(growthBytesMax)} are promised`,
    );
  }
  const linesMax = linesPerMinuteMax * Math.ceil(elapsedMs / 60_000);
  for (const [id, lines] of logLines) {
    check(
      lines.length <= linesMax,
      `node ${id} wrote ${counted(lines.length, 'line')} into its log; at most ${linesMax} are promised`,
    );
    const forged = lines.find((line) => messageOf(line) === undefined);
    check(forged === undefined, `node ${id} wrote no line that an attacker forged`);
  }
}
