/**
 * Progress lines that a receiver sends while it processes a large body, so that the sender does not
 * time out.
 */
import type { ServerResponse } from 'node:http';
import type { Wire } from '../wire.ts';

/** A line of JSON without fields: the receiver is still working. */
export const workingLine = '{}\n';

/**
 * Writes the first line after `firstMs` and further ones at an interval, until the returned
 * function is called. The first line also begins the answer.
 */
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

/** The interval between two lines: five per stall timeout of the other side, in ms. */
export const workingMs = ({ stallTimeoutMs }: Wire['settings']): number => stallTimeoutMs / 5;
