/** A node of a replicated state machine in one call; every part has a default. */
import { BabuzaComponentBuilder, type BabuzaComponent } from '@babuza/builder';
import {
  bootstrapRaftCluster,
  joinRaftCluster,
  type PeersConfiguration,
  type Raft,
  type StateMachine,
} from '@babuza/raft';
import { transportBackend } from '@babuza/transport-http';
import { walBackend } from '@babuza/wal-native';
import { checkStartOptions, type NodePeer, type StartNodeOptions } from './options.ts';

/**
 * Starts a node: opens or creates its log, restores its state, and connects it to the other members
 * over HTTP. It resolves when the node takes part; `waitForLeader` tells when proposals can be
 * made. The node owns the state machine, also where the start fails; `shutdown` of the node closes
 * everything.
 *
 * The same call starts a new node and one that was stopped. `@babuza/builder` and `@babuza/raft`
 * have the single steps, for other transports and for parts of your own.
 *
 * @throws BuilderConfigError (`BUILDER_CONFIG`) for an option that is unknown or cannot be;
 * TransportError (`TRANSPORT_INVALID`, and `TRANSPORT_INSECURE` off the loopback without `tls` and
 * `secret`); RaftError as `bootstrapRaftCluster` and `joinRaftCluster` of `@babuza/raft`; the
 * errors of the log, such as `WAL_LOCKED`.
 */
export async function startNode<Query, Answer>(
  options: StartNodeOptions<Query, Answer>,
): Promise<Raft<Query, Answer>> {
  checkStartOptions(options);
  const { stateMachine, peers, config, start } = options;
  const component = await build(options).catch(async (error: unknown) => {
    await closeUnused(stateMachine);
    throw error;
  });
  const nodeConfig = component.nodeConfig(config);
  return peers === undefined
    ? joinRaftCluster(nodeConfig, stateMachine, component, start)
    : bootstrapRaftCluster(nodeConfig, peers.map(withBigintId), stateMachine, component, start);
}

async function build<Query, Answer>(
  options: StartNodeOptions<Query, Answer>,
): Promise<BabuzaComponent> {
  const { address, directory, stateMachine: _, peers: _peers, config: _config, ...rest } = options;
  const { start: _start, tls, secret, insecure, transportOptions, ...parts } = rest;
  const protection = Object.entries({ tls, secret, insecure });
  return new BabuzaComponentBuilder({
    ...parts,
    storageRootDir: directory,
    walType: parts.walType ?? walBackend,
    transportType: transportBackend,
    transportOptions: {
      ...transportOptions,
      address,
      ...Object.fromEntries(protection.filter(([, value]) => value !== undefined)),
    },
  }).build();
}

function withBigintId({ id, ...peer }: NodePeer): PeersConfiguration[number] {
  return { ...peer, id: BigInt(id) };
}

/** The error that ended the start is what counts. */
async function closeUnused<Query, Answer>(
  stateMachine: StateMachine<Query, Answer> | undefined,
): Promise<void> {
  try {
    await stateMachine?.close();
  } catch {
    // The caller is told why the start has failed.
  }
}
