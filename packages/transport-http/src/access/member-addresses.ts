import type { Duplex } from 'node:stream';

/**
 * The IP addresses of members, as connections with them have shown: of each member the latest one,
 * so that a hostile member has one address and not many. Their connections go before those of
 * strangers.
 */
export class MemberAddresses {
  readonly #byMember = new Map<bigint, string>();
  readonly #isMember: (id: bigint) => boolean;

  /** Only nodes of the membership are kept: a joiner meets others, whose ids may be made up. */
  constructor(isMember: (id: bigint) => boolean) {
    this.#isMember = isMember;
  }

  /** A node has shown on a connection with this address that it is that one. */
  set(id: bigint, address: string): void {
    if (this.#isMember(id)) this.#byMember.set(id, address);
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

/**
 * The IP address of the other side; an empty text where it is not known. An IPv4 address is one
 * also where the socket calls it a part of IPv6.
 */
export function remoteAddressOf(connection: Duplex | null): string {
  if (connection === null || !('remoteAddress' in connection)) return '';
  const { remoteAddress } = connection;
  return typeof remoteAddress === 'string' ? remoteAddress.replace(/^::ffff:(?=\d+\.)/i, '') : '';
}
