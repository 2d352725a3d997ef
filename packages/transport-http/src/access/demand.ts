/** Refuses unprotected connections to and from other machines unless the options allow them. */
import type { HostAddress } from '@babuza/vfs';
import { TransportError } from '../errors.ts';
import type { Wire } from '../wire.ts';
import { outgoingSecret, outgoingTls } from './connect.ts';
import { isLoopback } from './loopback.ts';
import { isProtected } from './protection.ts';

function remedyOf({ transition }: Wire['settings']): string {
  if (transition.tls === undefined && transition.secret === undefined) {
    return 'give the option tls with mutual TLS, or the option secret; insecure: true allows it for a network that nobody else reaches';
  }
  return 'the option transition allows connections without tls or secret, so give insecure: true until the change-over has ended, in a network that nobody else reaches; without transition it must be left out';
}

/**
 * Refuses to listen if other machines could then speak as a member; logs it if the options allow
 * that. `address` is the IP address to bind, or `undefined` for all addresses.
 *
 * @throws TransportError (`TRANSPORT_INSECURE`).
 */
export function demandForListening({ settings, logger }: Wire, address: string | undefined): void {
  if (isProtected(settings)) return;
  const { port } = settings.listen;
  const bound = { address: address ?? 'every address of this machine', port };
  if (address !== undefined && isLoopback(address)) {
    logger?.info('any program on this machine can speak as a member', bound);
    return;
  }
  if (settings.insecure) {
    logger?.warn(
      'insecure is true: every program that reaches this member can speak as a member',
      bound,
    );
    return;
  }
  const problem = `every program that reaches ${bound.address}, port ${port}, could speak as a member; ${remedyOf(settings)}`;
  throw new TransportError('TRANSPORT_INSECURE', problem);
}

/**
 * Refuses to connect if someone on the network path could read and change the traffic.
 *
 * @throws TransportError (`TRANSPORT_INSECURE`).
 */
export function demandForConnecting(
  wire: Wire,
  target: { readonly id: bigint; readonly address: string },
  addresses: readonly HostAddress[],
): void {
  if (wire.settings.insecure) return;
  if (outgoingTls(wire) !== undefined || outgoingSecret(wire) !== undefined) return;
  const foreign = addresses.find(({ address }) => !isLoopback(address));
  if (foreign === undefined) return;
  const { id, address } = target;
  const problem = `member ${id} at ${address} (${foreign.address}) is on another machine, and the connection would not be protected; ${remedyOf(wire.settings)}`;
  throw new TransportError('TRANSPORT_INSECURE', problem);
}
