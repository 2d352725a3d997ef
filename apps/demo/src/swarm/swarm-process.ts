/**
 * The process of the swarm. It also listens at the address of the hostile learner, and accepts
 * connections there without answering.
 */
import { createServer } from 'node:net';
import { attacks } from './attacks/index.ts';
import { isSwarmRequest, type SwarmAnswer, type SwarmSettings } from './swarm-protocol.ts';
import { Swarm } from './swarm.ts';

let swarm: Swarm | undefined;

function tell(answer: SwarmAnswer): void {
  process.send?.(answer, undefined, undefined, () => undefined);
}

function listenAsLearner({ addresses }: SwarmSettings): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.resume();
  });
  const port = Number(addresses.learner.split(':').at(-1));
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
}

process.on('message', (message: unknown) => {
  if (!isSwarmRequest(message)) return;
  if (message.type === 'prepare') {
    const { settings } = message;
    swarm = new Swarm(settings, attacks);
    void listenAsLearner(settings).then(() => tell({ type: 'ready' }));
  } else if (message.type === 'attack') {
    swarm?.attack(message.targets, message.term);
    tell({ type: 'ready' });
  } else void swarm?.rest().then((rested) => tell({ type: 'rested', ...rested }));
});
process.on('disconnect', () => process.exit());
