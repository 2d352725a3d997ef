/** Free ports of the loopback, for processes that are told theirs. */
import { createServer, type Server } from 'node:net';

/**
 * So many ports that were free a moment ago, all different, and none of those that were given away
 * already but are not used at the moment: those of a node that is down, or is yet to start.
 * Somebody else may take one before it is used: whoever listens there says so.
 */
export async function freePorts(count: number, given: ReadonlySet<number>): Promise<number[]> {
  const servers: Server[] = [];
  try {
    const ports: number[] = [];
    while (ports.length < count) {
      // Kept open until enough are found: so the next one has another port.
      const server = await listening();
      servers.push(server);
      const port = portOf(server);
      if (!given.has(port)) ports.push(port);
    }
    return ports;
  } finally {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
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
