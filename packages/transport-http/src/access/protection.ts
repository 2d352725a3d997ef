/** Derives from the options whether the connections of a member are protected. */
import type { HttpTransportTls } from './certificate/options.ts';

export interface ProtectionSettings {
  readonly tls: HttpTransportTls | undefined;
  readonly secrets: readonly Buffer[];
  readonly transition: {
    readonly tls: 'accept' | 'connect' | undefined;
    readonly secret: 'accept' | 'connect' | undefined;
  };
}

/**
 * Whether every incoming connection must present a certificate or prove the secret. Outgoing
 * connections are then protected as well.
 */
export function isProtected({ tls, secrets, transition }: ProtectionSettings): boolean {
  const showsCertificate =
    tls !== undefined && tls.mutual !== false && transition.tls === undefined;
  return showsCertificate || (secrets.length > 0 && transition.secret === undefined);
}
