/**
 * The dummy target: a process that accepts every connection, and reads and discards its data.
 * Attacking it shows what the swarm itself costs the machine.
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
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

const count = Number(process.argv[2]);
const ports = await Promise.all(Array.from({ length: count }, listen));
const answer: DummyAnswer = { type: 'listening', ports };
process.send?.(answer);
process.on('disconnect', () => process.exit());
