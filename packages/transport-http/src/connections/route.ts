/** The route to another member: its address, and the IP addresses of its host. */
import type { LookupFunction } from 'node:net';
import { describeCause, type HostAddress } from '@babuza/vfs';
import { demandForConnecting } from '../access/demand.ts';
import { hostPortOf, type HostPort } from '../address.ts';
import { TransportError } from '../errors.ts';
import type { Wire } from '../wire.ts';

export interface Target {
  readonly id: bigint;
  readonly address: string;
  /**
   * If only the peer itself has claimed the address: the IP address that its host must resolve to.
   */
  readonly onlyIp?: string | undefined;
}

/** A target and the IP addresses of its host. */
export interface Route extends Target {
  readonly hostPort: HostPort;
  readonly addresses: readonly HostAddress[];
}

/**
 * Resolves the host of the target. Rejects with `TRANSPORT_UNREACHABLE` if its name cannot be
 * resolved, with `TRANSPORT_INSECURE` if the connection would need protection, or with the reason
 * of the signal.
 */
export async function routeTo(wire: Wire, target: Target, signal: AbortSignal): Promise<Route> {
  const hostPort = hostPortOf(target.address, wire.settings.tls !== undefined);
  const found = await addressesOf(wire, target, hostPort.host, signal);
  const { onlyIp } = target;
  const addresses = found.filter(({ address }) => onlyIp === undefined || address === onlyIp);
  if (addresses.length === 0) {
    const problem = `the address that it claims is not in the membership, and does not resolve to ${onlyIp}, from which it connects`;
    throw unreachable(target, new Error(problem));
  }
  demandForConnecting(wire, target, addresses);
  return { ...target, hostPort, addresses };
}

async function addressesOf(
  wire: Wire,
  target: Target,
  host: string,
  signal: AbortSignal,
): Promise<readonly HostAddress[]> {
  try {
    return await wire.names.addressesOf(host, signal);
  } catch (cause) {
    signal.throwIfAborted();
    throw unreachable(target, cause);
  }
}

/**
 * A lookup function for Node.js that returns the known addresses; Node.js does not call it if the
 * host is an IP address. It answers in the next tick: a connection that fails within the call would
 * emit its error before anything listens, which would end the process.
 */
export const lookUpIn =
  (addresses: readonly HostAddress[]): LookupFunction =>
  (host, { all }, answer) => {
    const [first] = addresses;
    process.nextTick(() => {
      if (all === true) answer(null, [...addresses]);
      else if (first !== undefined) answer(null, first.address, first.family);
      else answer(new Error(`no address of ${host} is known`), '');
    });
  };

export function unreachable({ id, address }: Target, cause: unknown): TransportError {
  const problem = `member ${id} at ${address} cannot be reached: ${describeCause(cause)}`;
  return new TransportError('TRANSPORT_UNREACHABLE', problem, { cause });
}
