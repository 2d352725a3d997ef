/**
 * What has to happen when a connection ends. Responses that wait behind another one on a connection
 * have no events of their own then; and a listener for each of them would be one too many for the
 * socket. So there is one, for all of them.
 */
import type { Socket } from 'node:net';

const endings = new WeakMap<Socket, Set<() => void>>();

/**
 * Runs `act` once when the connection ends, also where it has already. Returns what takes that
 * back.
 */
export function whenConnectionEnds(socket: Socket, act: () => void): () => void {
  if (socket.destroyed) {
    act();
    return () => undefined;
  }
  const known = endings.get(socket) ?? newEndings(socket);
  known.add(act);
  return () => known.delete(act);
}

function newEndings(socket: Socket): Set<() => void> {
  const acts = new Set<() => void>();
  endings.set(socket, acts);
  socket.once('close', () => {
    for (const act of acts) act();
    acts.clear();
  });
  return acts;
}
