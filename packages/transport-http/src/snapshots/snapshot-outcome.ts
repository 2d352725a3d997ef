/**
 * What the receiver of a snapshot says while it takes it: a line of JSON now and then, and a last
 * one.
 */
import type { IncomingMessage } from 'node:http';
import { printableError } from '../access/printable.ts';
import type { Target } from '../connections/route.ts';
import { TransportError } from '../errors.ts';
import { startStallWatch } from '../connections/stall-watch.ts';
import type { Wire } from '../wire.ts';

export interface SnapshotFate {
  readonly taken: boolean;
  readonly reason: string;
  readonly message: string;
}

const lineBytesMax = 16 * 1024;

export const fateLine = (fate: SnapshotFate): string => `${JSON.stringify(fate)}\n`;

/**
 * The last word. Rejects with `TRANSPORT_BROKEN` when it does not come, or nothing comes for the
 * stall timeout.
 */
export async function fateOf(
  response: IncomingMessage,
  { clock, settings }: Wire,
  { id, address }: Target,
): Promise<SnapshotFate> {
  const broken = (why: string, cause?: unknown): TransportError =>
    new TransportError(
      'TRANSPORT_BROKEN',
      `member ${id} at ${address} did not say whether it took the snapshot: ${why}`,
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
        const fate = read(line);
        if (fate !== undefined) return fate;
      }
    }
  } catch (error) {
    if (error instanceof TransportError) throw error;
    // The parser of JSON repeats what it has found.
    if (error instanceof SyntaxError) throw broken('its answer is no JSON', printableError(error));
    throw broken('the connection broke', error);
  } finally {
    timer.cancel();
  }
  throw broken('its answer ended early');
}

/** `undefined` for a line that only says that the receiver works. */
function read(line: string): SnapshotFate | undefined {
  const value: unknown = JSON.parse(line);
  if (typeof value !== 'object' || value === null || !('taken' in value)) return undefined;
  const textOf = (name: string): string => {
    const field: unknown = Reflect.get(value, name);
    return typeof field === 'string' ? field : '';
  };
  return { taken: value.taken === true, reason: textOf('reason'), message: textOf('message') };
}
