/** The entry point by which the builder makes a transport of this package. */
import type { TransportBackend, TransportIdentity } from '@babuza/raft/ports';
import { TransportError } from './errors.ts';
import { MemoryNetwork } from './memory-network.ts';
import { MemoryTransport } from './memory-transport.ts';

export interface MemoryTransportOptions {
  /** The network that all members of the cluster share. */
  readonly network: MemoryNetwork;
  /** The address of this member, as the other members know it. */
  readonly address: string;
}

export const transportBackend: TransportBackend<MemoryTransportOptions> = {
  types: ['memory', 'tcp-memory'],
  create(
    { clusterId, nodeId, clock }: TransportIdentity,
    options?: MemoryTransportOptions,
  ): MemoryTransport {
    const { network, address, ...others } = options ?? {};
    const [unknown] = Object.keys(others);
    if (unknown !== undefined) {
      const problem = `there is no option ${unknown}; there are: network, address`;
      throw new TransportError('TRANSPORT_INVALID', problem);
    }
    if (!(network instanceof MemoryNetwork)) {
      refuse('network', network, 'a MemoryNetwork that all members share');
    }
    if (typeof address !== 'string' || address === '') {
      refuse('address', address, 'what the other members know as the address of this one');
    }
    return new MemoryTransport({ network, clusterId, nodeId, address, clock });
  },
};

function refuse(option: string, given: unknown, allowed: string): never {
  const problem = `the option ${option} must be ${allowed}; got ${described(given)}`;
  throw new TransportError('TRANSPORT_INVALID', problem);
}

/** Strings in quotes, so that `''` can be seen. */
function described(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
