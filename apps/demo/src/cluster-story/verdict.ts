/** How a story ends: the judgement of the clients' history, and the last word. */
import { counted } from '../common/figures.ts';
import type { Workplace } from '../common/workplace.ts';
import type { Registers } from './registers.ts';
import type { Stage } from './stage.ts';

export function judge(stage: Stage, registers: Registers, clients: number): void {
  const { verdict, ...more } = registers.judge();
  const calls = `${counted(registers.operations.length, 'call')}, ${registers.unknown} of unknown outcome`;
  if (verdict === 'linearizable') {
    stage.timeline.good(`the history of ${clients} clients is linearizable (${calls})`);
  } else if (verdict === 'violated') {
    stage.fail(`the history of clients is not linearizable: key ${more.key} (${calls})`);
  } else stage.fail(`the history of clients could not be judged in so many steps (${calls})`);
}

/** `keys`: those of which a write said that another of the same had been there before. */
export function judgeOnce(stage: Stage, keys: readonly string[]): void {
  const [first] = keys;
  if (first === undefined)
    stage.timeline.good('no write was applied twice, however often it was sent');
  else stage.fail(`${counted(keys.length, 'write')} applied twice: ${first} was one`);
}

export function conclude(
  { terminal, failures }: Stage,
  { isKept, storageRoot }: Workplace,
  elapsed: string,
): void {
  terminal.line();
  if (isKept) terminal.line(`Everything stays in ${storageRoot}`);
  terminal.line(
    failures.length === 0
      ? terminal.style('green', `All of the above was verified, in ${elapsed}.`)
      : terminal.style('red', 'Not everything held:'),
  );
  for (const failure of failures) terminal.line(`  - ${failure}`);
}
