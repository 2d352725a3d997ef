/** Processes a request with messages in its body. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Admitted } from '../server/admission.ts';
import { framesOf } from './body.ts';
import { deliver, roomFor } from './deliver.ts';
import { decodeMessages } from './frames.ts';
import type { Members } from '../connections/members.ts';
import { tellWorking, workingMs } from '../server/tell-working.ts';
import type { Wire } from '../wire.ts';

/**
 * Answers when all messages have arrived. Over a slow network that may take longer than the
 * sender's stall timeout, so progress lines are sent meanwhile.
 */
export async function takeMessages(
  { wire, members }: { readonly wire: Wire; readonly members: Members },
  { from, framePayloadMax }: Admitted,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { clock, settings, countersOf } = wire;
  const stopTelling = tellWorking(response, wire, workingMs(settings));
  const closed = new Promise((resolve) => response.once('close', resolve));
  try {
    const memory = { budget: wire.budget, id: from };
    const frames = framesOf(request, clock, settings.stallTimeoutMs, framePayloadMax, memory);
    for await (const payload of frames) {
      for (let room = roomFor(wire, payload); room !== undefined; room = roomFor(wire, payload)) {
        await Promise.race([room, closed]);
        if (response.closed) return;
      }
      if (members.isRemoved(from)) break;
      countersOf(from).receivedBytes += payload.length;
      deliver(wire, from, decodeMessages(payload));
    }
  } finally {
    stopTelling();
  }
  if (!response.headersSent) response.writeHead(204);
  response.end();
}
