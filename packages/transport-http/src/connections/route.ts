/** The way to another member: its address, and the IP addresses that the name in it leads to. */
import type { LookupFunction } from 'node:net';
import { describeCause, type HostAddress } from '@babuza/vfs';
import { demandForConnecting } from '../access/demand.ts';
import { placeOf, type Place } from '../address.ts';
import { TransportError } from '../errors.ts';
import type { Wire } from '../wire.ts';

export interface Target {
  readonly id: bigint;
  readonly address: string;
  /** Where only the peer itself has told the address: the IP address that it must lead to. */
  readonly onlyIp?: string | undefined;
}

/** A target and the addresses of its host. */
export interface Route extends Target {
  readonly place: Place;
  readonly addresses: readonly HostAddress[];
}

/**
 * Finds the addresses of the target's host. Rejects with `TRANSPORT_UNREACHABLE` where its name is
 * not resolved, with `TRANSPORT_INSECURE`, or with the reason of the signal.
 */
export async function routeTo(wire: Wire, target: Target, signal: AbortSignal): Promise<Route> {
  const place = placeOf(target.address, wire.settings.tls !== undefined);
  const found = await addressesOf(wire, target, place.host, signal);
  const { onlyIp } = target;
  const addresses = found.filter(({ address }) => onlyIp === undefined || address === onlyIp);
  if (addresses.length === 0) {
    const problem = `it speaks from ${onlyIp}, and the membership does not have the address that it claims`;
    throw unreachable(target, new Error(problem));
  }
  demandForConnecting(wire, target, addresses);
  return { ...target, place, addresses };
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
 * Answers Node.js with the addresses that are known; it does not ask where the host is an IP
 * address. The answer comes in the next tick: a connection that fails within the call would fail
 * before anything hears of it, and end the process.
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
