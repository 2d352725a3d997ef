/**
 * Runs functions when a connection ends. A pipelined response that is not yet assigned to the
 * connection gets no events of it, and one socket listener per response would exceed the limit of
 * listeners. So one listener serves all of them.
 */
import type { Socket } from 'node:net';

const endings = new WeakMap<Socket, Set<() => void>>();

/**
 * Runs `act` once when the connection ends, or at once when it has ended. Returns a function that
 * cancels this.
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
