export { TransportError, type TransportErrorCode } from './errors.ts';
export type { Direction, LinkFaults } from './faults.ts';
export { MemoryNetwork } from './memory-network.ts';
export type { NetworkCounts } from './network-counts.ts';
export { MemoryTransport } from './memory-transport.ts';
export { transportBackend, type MemoryTransportOptions } from './transport-backend.ts';
