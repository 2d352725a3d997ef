import type { Duplex } from 'node:stream';

/**
 * The IP addresses of members, as connections with them have shown: of each member the latest one, so
 * that a hostile member has one address and not many. Their connections go before those of strangers.
 */
export class MemberAddresses {
  readonly #byMember = new Map<bigint, string>();

  /** A member of the membership has shown on a connection with this address that it is that member. */
  set(id: bigint, address: string): void {
    this.#byMember.set(id, address);
  }

  /** The member was removed. */
  forget(id: bigint): void {
    this.#byMember.delete(id);
  }

  has(address: string): boolean {
    for (const known of this.#byMember.values()) if (known === address) return true;
    return false;
  }
}

/** The IP address of the other side; an empty text where it is not known. */
export function remoteAddressOf(connection: Duplex | null): string {
  if (connection === null || !('remoteAddress' in connection)) return '';
  return typeof connection.remoteAddress === 'string' ? connection.remoteAddress : '';
}
