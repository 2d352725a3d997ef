/** Free ports of the loopback, for processes that are told theirs. */
import { createServer, type Server } from 'node:net';

/**
 * So many ports that were free a moment ago, all different. Somebody else may take one before it is used: whoever listens
 * there says so.
 */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, listening));
  const ports = servers.map(portOf);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function listening(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

function portOf(server: Server): number {
  const place = server.address();
  if (typeof place === 'object' && place !== null) return place.port;
  throw new Error('a server that listens has a port');
}
