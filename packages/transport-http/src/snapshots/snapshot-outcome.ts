/**
 * The answer of the receiver of a snapshot: progress lines in JSON while it works, and a last line
 * with the outcome.
 */
import type { IncomingMessage } from 'node:http';
import { printableError } from '../access/printable.ts';
import type { Target } from '../connections/route.ts';
import { TransportError } from '../errors.ts';
import { startStallWatch } from '../connections/stall-watch.ts';
import type { Wire } from '../wire.ts';

export interface SnapshotOutcome {
  readonly taken: boolean;
  readonly reason: string;
  readonly message: string;
}

const lineBytesMax = 16 * 1024;

export const outcomeLine = (outcome: SnapshotOutcome): string => `${JSON.stringify(outcome)}\n`;

/**
 * Reads the answer up to the outcome. Rejects with `TRANSPORT_BROKEN` if the answer ends without
 * it, or if nothing arrives for the stall timeout.
 */
export async function outcomeOf(
  response: IncomingMessage,
  { clock, settings }: Wire,
  { id, address }: Target,
): Promise<SnapshotOutcome> {
  const broken = (why: string, cause?: unknown): TransportError =>
    new TransportError(
      'TRANSPORT_BROKEN',
      `member ${id} at ${address} did not report whether it stored the snapshot: ${why}`,
      { cause },
    );
  const watch = () =>
    startStallWatch(clock, settings.stallTimeoutMs, () => {
      response.destroy(broken(`nothing came for ${settings.stallTimeoutMs} ms`));
    });
  let timer = watch();
  let text = '';
  try {
    for await (const chunk of response) {
      timer.cancel();
      timer = watch();
      text += String(chunk);
      if (text.length > lineBytesMax) throw broken('its answer is too long');
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) {
        const outcome = read(line);
        if (outcome !== undefined) return outcome;
      }
    }
  } catch (error) {
    if (error instanceof TransportError) throw error;
    // The message of a JSON parser quotes its input, which comes from the other side.
    if (error instanceof SyntaxError) throw broken('its answer is not JSON', printableError(error));
    throw broken('the connection broke', error);
  } finally {
    timer.cancel();
  }
  throw broken('its answer ended early');
}

/** Returns `undefined` for a progress line. */
function read(line: string): SnapshotOutcome | undefined {
  const value: unknown = JSON.parse(line);
  if (typeof value !== 'object' || value === null || !('taken' in value)) return undefined;
  const textOf = (name: string): string => {
    const field: unknown = Reflect.get(value, name);
    return typeof field === 'string' ? field : '';
  };
  return { taken: value.taken === true, reason: textOf('reason'), message: textOf('message') };
}
