/** What the receiver says while it takes what is large: that it still does. */
import type { ServerResponse } from 'node:http';
import type { Wire } from '../wire.ts';

/** A line of JSON that says no more. */
export const workingLine = '{}\n';

/** Begins the answer after `firstMs`, and goes on until the returned function is called. */
export function tellWorking(
  response: ServerResponse,
  { clock, settings }: Pick<Wire, 'clock' | 'settings'>,
  firstMs: number,
): () => void {
  let timer = clock.startTimer(firstMs, tell);
  function tell(): void {
    if (!response.writableNeedDrain) response.write(workingLine);
    timer = clock.startTimer(workingMs(settings), tell);
  }
  return () => timer.cancel();
}

/** Several times within the patience of the other side. */
export const workingMs = ({ stallTimeoutMs }: Wire['settings']): number => stallTimeoutMs / 5;
