/**
 * What the swarm is aimed at for comparison: a process that accepts every connection, and reads and
 * discards what comes. What the swarm itself costs the machine is so in both measurements.
 */
import { createServer, type Socket } from 'node:net';
import type { DummyAnswer } from './swarm-protocol.ts';

function listen(): Promise<number> {
  const server = createServer((socket: Socket) => {
    socket.on('error', () => undefined);
    socket.resume();
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const place = server.address();
      resolve(typeof place === 'object' && place !== null ? place.port : 0);
    });
  });
}

const count = Number(process.argv[2]);
const ports = await Promise.all(Array.from({ length: count }, listen));
const answer: DummyAnswer = { type: 'listening', ports };
process.send?.(answer);
process.on('disconnect', () => process.exit());
