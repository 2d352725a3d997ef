/** A member is started with another type of log than the one that its directory holds. */
import { stopped, type Mistake } from './mistakes-with-disks.ts';

export const changeKind: Mistake = async (operators, seat) => {
  const { cluster, random, world } = operators;
  await stopped(operators, seat);
  const kind = random.pick(['etcd-wal', 'level-wal-memory'] as const);
  const sinceMs = world.clock.monotonicMs();
  world.log(`member ${seat.id} is started with ${kind}`);
  const wrong = await cluster.tryJoin(seat, { walKind: kind });
  await operators.noticed(`changed to ${kind}`, seat.id, sinceMs, () => true);
  if ('process' in wrong) world.fail(`member ${seat.id} runs with ${kind}`);
  // The refused start has changed nothing: a start with the right type succeeds.
  await cluster.start(seat);
};
