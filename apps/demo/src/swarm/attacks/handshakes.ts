/** A flood of TLS handshakes that fail. Each costs the member a signature. */
import { rawHead, rawProtocol } from '@babuza/transport-http/testing';
import type { Attack } from '../attack.ts';
import type { Credentials, Loot } from '../swarm-protocol.ts';

/** The longest wait for one handshake. */
const patienceMs = 2000;

function flood(
  name: string,
  connections: number,
  of: (loot: Loot) => Credentials | undefined,
): Attack {
  return {
    name,
    connections,
    pauseMs: 100,
    strike: (striker) => {
      const line = striker.encrypted(of(striker.settings.loot));
      const { impersonated: address } = striker.settings.addresses;
      const handshake = striker.handshake({ from: 3n, address });
      line.write(rawHead('GET', rawProtocol.paths.messages, handshake));
      return line.outcome(patienceMs);
    },
  };
}

export const withoutCertificate: Attack = flood('TLS, no certificate', 20, () => undefined);
export const foreignCertificate: Attack = flood(
  'TLS, foreign authority',
  20,
  ({ foreign }) => foreign,
);
export const expiredCertificate: Attack = flood(
  'TLS, expired certificate',
  10,
  ({ expired }) => expired,
);
