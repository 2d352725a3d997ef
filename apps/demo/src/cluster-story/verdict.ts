/** The last checks of a story and its closing lines. */
import { counted } from '../common/figures.ts';
import type { Workplace } from '../common/workplace.ts';
import type { Registers } from './registers.ts';
import type { Stage } from './stage.ts';

export function checkHistory(stage: Stage, registers: Registers, clients: number): void {
  const { verdict, ...more } = registers.check();
  const calls = `${counted(registers.operations.length, 'call')}, ${registers.unknown} of unknown outcome`;
  if (verdict === 'linearizable') {
    stage.timeline.good(`the history of ${clients} clients is linearizable (${calls})`);
  } else if (verdict === 'violated') {
    stage.fail(`the history of clients is not linearizable: key ${more.key} (${calls})`);
  } else
    stage.fail(`the history of clients could not be checked within the limit of steps (${calls})`);
}

/**
 * Fails for each key in `keys`: a write of it reported that the same write had been applied before.
 */
export function checkAppliedOnce(stage: Stage, keys: readonly string[]): void {
  const [first] = keys;
  if (first === undefined)
    stage.timeline.good('no write was applied twice, even when it was sent again');
  else stage.fail(`${counted(keys.length, 'write')} applied twice, for instance ${first}`);
}

export function conclude(
  { terminal, failures }: Stage,
  { isKept, storageRoot }: Workplace,
  elapsed: string,
): void {
  terminal.line();
  if (isKept) terminal.line(`All files are kept in ${storageRoot}`);
  terminal.line(
    failures.length === 0
      ? terminal.style('green', `All of the above was verified, in ${elapsed}.`)
      : terminal.style('red', 'These checks failed:'),
  );
  for (const failure of failures) terminal.line(`  - ${failure}`);
}
