/**
 * Sends a proposal twice, as a client does that does not know whether it was applied. Within a
 * session it is applied once.
 */
import { bootstrapRaftCluster } from '@babuza/raft';
import { addressOf, componentOf, configOf, directory, leaderOf } from './node.js';

/** Counts the entries that it applies, so that a repetition would show. */
class Counter {
  kind = 'memory';
  count = 0;
  apply = (entries) => entries.map(() => Uint8Array.of((this.count += 1)));
  query = () => this.count;
  saveSnapshot = (writer) => writer.write(Uint8Array.of(this.count));
  restoreSnapshot = async (reader) => {
    for await (const [count] of reader.read()) this.count = count;
  };
  close = () => undefined;
}

const peers = [{ id: 1n, address: addressOf(1n) }];
const component = await componentOf(1n, directory, { sessionType: 'lru' });
const node = await bootstrapRaftCluster(configOf(1n), peers, new Counter(), component);
await leaderOf([node]);

const sessionId = await node.registerSession();
const session = { sessionId, sequence: 1, lowestUnanswered: 1 };
const first = await node.propose(Uint8Array.of(1), { session });
const again = await node.propose(Uint8Array.of(1), { session });
console.log(
  `sent twice: answers ${first.result[0]} and ${again.result[0]}, counted ${await node.read()}`,
);

await node.propose(Uint8Array.of(1), {
  session: { sessionId, sequence: 2, lowestUnanswered: 2 },
});
console.log(`the next one: counted ${await node.read()}`);
await node.unregisterSession(sessionId);
await node.propose(Uint8Array.of(1), { session }).catch(({ code }) => console.log(code));
await node.shutdown();
