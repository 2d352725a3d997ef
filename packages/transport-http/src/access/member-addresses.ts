import type { Duplex } from 'node:stream';

/**
 * The IP addresses of members, learned from authenticated connections. Connections from them have
 * priority over others. Only the latest address of each member is kept, so that a hostile member
 * cannot claim many addresses.
 */
export class MemberAddresses {
  readonly #byMember = new Map<bigint, string>();
  readonly #isMember: (id: bigint) => boolean;

  /** Keeps addresses of members only: a joining node meets nodes whose ids may be made up. */
  constructor(isMember: (id: bigint) => boolean) {
    this.#isMember = isMember;
  }

  /** The node has authenticated on a connection with this remote address. */
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
 * The remote IP address, or an empty text if it is not known. An IPv4-mapped IPv6 address is
 * returned as the IPv4 address.
 */
export function remoteAddressOf(connection: Duplex | null): string {
  if (connection === null || !('remoteAddress' in connection)) return '';
  const { remoteAddress } = connection;
  return typeof remoteAddress === 'string' ? remoteAddress.replace(/^::ffff:(?=\d+\.)/i, '') : '';
}
