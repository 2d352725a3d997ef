/**
 * Opens a state machine on disk at the start of a node: which index its state has, and which log it
 * came from.
 */
import { checkedAppliedIndex, checkedLogId } from '../support/checks.ts';
import type { StateMachine } from '../ports/state-machine.ts';

export interface OpenedMachine {
  /** 0 for a state machine in memory. */
  readonly appliedIndex: number;
  /** The log that the state came from; absent when the state machine does not keep it. */
  readonly logId: string | undefined;
}

export async function openMachine<Query, Answer>(
  stateMachine: StateMachine<Query, Answer>,
): Promise<OpenedMachine> {
  if (stateMachine.kind !== 'disk') return { appliedIndex: 0, logId: undefined };
  const opened = await stateMachine.open();
  return { appliedIndex: checkedAppliedIndex(opened), logId: checkedLogId(opened) };
}

/** Makes the state machine store this log's id, unless it has it already. */
export async function bindMachine<Query, Answer>(
  stateMachine: StateMachine<Query, Answer>,
  { logId: before }: OpenedMachine,
  logId: string,
): Promise<void> {
  if (stateMachine.kind !== 'disk' || before === logId) return;
  await stateMachine.bindLog?.(logId);
}
