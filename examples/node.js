/**
 * One node of an example cluster, put together by the builder. All nodes live in this process and
 * share a network.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BabuzaComponentBuilder, BabuzaWal, MemoryTransportType } from '@babuza/builder';
import { defaultBabuzaConfig } from '@babuza/raft';
import { MemoryNetwork } from '@babuza/transport-memory';
import { nodeEnvironment } from '@babuza/vfs';

const { clock, random } = nodeEnvironment();
export const network = new MemoryNetwork({ clock, random });

/**
 * Where the nodes keep their files: what the program was given, or a directory of its own, which
 * goes with it.
 */
export const directory = process.argv[2] ?? ownDirectory();

function ownDirectory() {
  const made = mkdtempSync(join(tmpdir(), 'babuza-example-'));
  process.on('exit', () => rmSync(made, { recursive: true }));
  return made;
}

export const addressOf = (id) => `node-${id}.example:7000`;

/** Faster than the default of 100 ms a tick, because an example should not take long. */
export const configOf = (id, clusterId = 1) => ({
  ...defaultBabuzaConfig(clusterId, id, addressOf(id)),
  tickMs: 20,
});

/** The parts of a node whose files lie in `directory`. */
export function componentOf(id, directory, changes = {}) {
  return new BabuzaComponentBuilder({
    clusterId: 1,
    nodeId: id,
    storageRootDir: `${directory}/node-${id}`,
    walType: BabuzaWal,
    transportType: MemoryTransportType,
    transportOptions: { network, address: addressOf(id) },
    ...changes,
  }).build();
}

/** The node that leads; waits until one does. */
export async function leaderOf(nodes) {
  for (;;) {
    const leader = nodes.find((node) => node.leader()?.id === node.nodeId);
    if (leader !== undefined) return leader;
    await clock.sleep(10);
  }
}
