/**
 * Decides whether a certificate names the member that the other side of a connection claims to be.
 *
 * Decision: docs/decisions/0021-a-certificate-names-its-member.md.
 */
import { X509Certificate } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { hostOf } from '../../address.ts';
import type { HttpSettings } from '../../options.ts';
import type { HttpTransportTls } from './options.ts';
import { canonicalHost } from './hosts.ts';
import { memberUri } from './member-uri.ts';
import { ShownCertificate, type CertificateRole } from './shown-certificate.ts';

export interface MemberCertificatesParts {
  readonly settings: HttpSettings;
  readonly clusterId: bigint;
  readonly nodeId: bigint;
  /** The other members and their addresses, as the membership has them, and nobody else. */
  readonly membership: ReadonlyMap<bigint, string>;
}

/** What a connection has shown, or why that cannot be used. */
interface Shown {
  readonly certificate: ShownCertificate;
  /** What the hook `identify` has said; it is asked once for each connection. */
  readonly identified: bigint | undefined;
}

const usageNames: Readonly<Record<CertificateRole, string>> = {
  client: 'clientAuth',
  server: 'serverAuth',
};

export class MemberCertificates {
  readonly #parts: MemberCertificatesParts;
  readonly #shown = new WeakMap<Duplex, Shown | string>();

  constructor(parts: MemberCertificatesParts) {
    this.#parts = parts;
  }

  /**
   * Why the certificate of the connection does not name this member, or `undefined` where it does
   * or where the options ask for none. `role` is the end of the connection that the other side has.
   */
  problemOf(connection: Duplex, id: bigint, role: CertificateRole): string | undefined {
    const { tls, transition } = this.#parts.settings;
    if (tls === undefined || tls.anyCertificateIsAnyMember === true) return undefined;
    if (role === 'client' && tls.mutual === false) return undefined;
    if (!(connection instanceof TLSSocket)) {
      return transition.tls === undefined ? 'the connection is not encrypted' : undefined;
    }
    const shown = this.#shownOn(tls, connection);
    return typeof shown === 'string' ? shown : this.#problem(tls, shown, id, role);
  }

  /**
   * Why other members will not take this certificate for one of this member, as far as is known.
   */
  problemOfOwn(pem: string | Uint8Array): string | undefined {
    const { settings, nodeId } = this.#parts;
    const { tls } = settings;
    if (tls === undefined || tls.anyCertificateIsAnyMember === true) return undefined;
    const shown = readShown(tls, new X509Certificate(pem));
    if (typeof shown === 'string') return shown;
    return (
      this.#problem(tls, shown, nodeId, 'server') ??
      (tls.mutual === false ? undefined : this.#problem(tls, shown, nodeId, 'client'))
    );
  }

  #shownOn(tls: HttpTransportTls, connection: TLSSocket): Shown | string {
    const known = this.#shown.get(connection);
    if (known !== undefined) return known;
    const certificate = connection.getPeerX509Certificate();
    if (certificate === undefined) return 'it has shown no certificate';
    const shown = readShown(tls, certificate);
    this.#shown.set(connection, shown);
    return shown;
  }

  #problem(
    tls: HttpTransportTls,
    { certificate, identified }: Shown,
    id: bigint,
    role: CertificateRole,
  ): string | undefined {
    if (!certificate.isFor(role)) {
      return `its certificate is not made for this end of a connection: the extended key usage ${usageNames[role]} is missing`;
    }
    if (tls.identify !== undefined) {
      if (identified === id) return undefined;
      return `identify says that its certificate is of ${identified === undefined ? 'no member' : `member ${identified}`}, and not of member ${id}`;
    }
    if (certificate.memberUris.length > 0) {
      const expected = memberUri(this.#parts.clusterId, id);
      if (certificate.memberUris.includes(expected)) return undefined;
      return `its certificate has to name it by ${expected}; it has ${certificate.memberUris.join(' and ')}`;
    }
    return this.#problemOfHosts(tls, certificate, id);
  }

  /**
   * The address that counts is the one of the membership, never the one that the other side tells.
   */
  #problemOfHosts(
    tls: HttpTransportTls,
    certificate: ShownCertificate,
    id: bigint,
  ): string | undefined {
    const remedy = 'give it a certificate with the URI of the member';
    if (certificate.hasWildcard) {
      return `its certificate has a wildcard, which may be for other members, too; ${remedy}`;
    }
    const hosts = this.#hostsOf(tls, id);
    if (hosts.length === 0) {
      return `member ${id} is not in the membership here, and tls.seeds names nobody; ${remedy}`;
    }
    if (!hosts.some((host) => certificate.covers(host))) {
      return `its certificate is not for ${hosts.join(' or ')}, where member ${id} is`;
    }
    for (const [other, host] of this.#otherHosts(id)) {
      if (certificate.covers(host)) {
        return `its certificate is for ${host}, where member ${other} is, too; ${remedy}`;
      }
    }
    return undefined;
  }

  /** Where the member is, or the seeds for one that the membership here does not have. */
  #hostsOf(tls: HttpTransportTls, id: bigint): string[] {
    const { membership, nodeId, settings } = this.#parts;
    const address = id === nodeId ? settings.address : membership.get(id);
    const hosts = address === undefined ? (tls.seeds ?? []) : [address];
    return hosts.map((each) => canonicalHost(hostOf(each) ?? each));
  }

  *#otherHosts(id: bigint): Iterable<readonly [bigint, string]> {
    const { membership, nodeId, settings } = this.#parts;
    for (const [other, address] of [[nodeId, settings.address] as const, ...membership]) {
      if (other !== id) yield [other, canonicalHost(hostOf(address) ?? address)];
    }
  }
}

function readShown(tls: HttpTransportTls, shown: X509Certificate): Shown | string {
  try {
    const certificate = new ShownCertificate(shown);
    return { certificate, identified: identifiedBy(tls, shown) };
  } catch (error) {
    return `its certificate cannot be judged: ${String(error)}`;
  }
}

function identifiedBy(tls: HttpTransportTls, certificate: X509Certificate): bigint | undefined {
  // A hook that is no TypeScript may return anything.
  const id: unknown = tls.identify?.(certificate);
  if (id === undefined || typeof id === 'bigint') return id;
  if (typeof id === 'number' && Number.isSafeInteger(id)) return BigInt(id);
  throw new TypeError('identify has to return the id of a node or undefined');
}
