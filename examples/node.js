/**
 * Builds the parts of one node of an example cluster. All nodes run in this process and share a
 * network.
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
 * The directory for the files of the nodes: the first argument of the program, or a temporary
 * directory that is removed when the program ends.
 */
export const directory = process.argv[2] ?? ownDirectory();

function ownDirectory() {
  const made = mkdtempSync(join(tmpdir(), 'babuza-example-'));
  process.on('exit', () => rmSync(made, { recursive: true }));
  return made;
}

export const addressOf = (id) => `node-${id}.example:7000`;

/** A configuration with ticks of 20 ms instead of 100 ms, so that the examples are quick. */
export const configOf = (id, clusterId = 1) => ({
  ...defaultBabuzaConfig(clusterId, id, addressOf(id)),
  tickMs: 20,
});

/** Builds the parts of a node whose files are in `directory`. */
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

/** Waits until one of the nodes is leader, and returns it. */
export async function leaderOf(nodes) {
  for (;;) {
    const leader = nodes.find((node) => node.leader()?.id === node.nodeId);
    if (leader !== undefined) return leader;
    await clock.sleep(10);
  }
}
