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
  /** The ids and addresses of the other members in the committed membership. */
  readonly membership: ReadonlyMap<bigint, string>;
}

/** The certificate that a connection has presented. */
interface Shown {
  readonly certificate: ShownCertificate;
  /** The result of the hook `identify`, which is called once per connection. */
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
   * Why the certificate of the connection does not name this member; `undefined` if it does, or if
   * the options demand no certificate. `role` is the role of the other side in the connection.
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
   * Why other members would refuse the own certificate of this member, as far as this member can
   * tell.
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
    if (certificate === undefined) return 'it has presented no certificate';
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
      return `its certificate must name it by ${expected}; found ${certificate.memberUris.join(' and ')}`;
    }
    return this.#problemOfHosts(tls, certificate, id);
  }

  /**
   * Compares the certificate with the host of the member. The membership gives the address; the
   * address that the other side claims is not used.
   */
  #problemOfHosts(
    tls: HttpTransportTls,
    certificate: ShownCertificate,
    id: bigint,
  ): string | undefined {
    const remedy = 'give it a certificate with the URI of the member';
    if (certificate.hasWildcard) {
      return `its certificate has a wildcard name, which may also cover other members; ${remedy}`;
    }
    const hosts = this.#hostsOf(tls, id);
    if (hosts.length === 0) {
      return `member ${id} is not in the membership here, and tls.seeds is empty; ${remedy}`;
    }
    if (!hosts.some((host) => certificate.covers(host))) {
      return `its certificate is not valid for ${hosts.join(' or ')}, the host of member ${id}`;
    }
    for (const [other, host] of this.#otherHosts(id)) {
      if (certificate.covers(host)) {
        return `its certificate is also valid for ${host}, the host of member ${other}; ${remedy}`;
      }
    }
    return undefined;
  }

  /** The host of the member, or the seeds for a node outside the membership. */
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
    return `its certificate cannot be evaluated: ${String(error)}`;
  }
}

function identifiedBy(tls: HttpTransportTls, certificate: X509Certificate): bigint | undefined {
  // A hook that is written in JavaScript may return any value.
  const id: unknown = tls.identify?.(certificate);
  if (id === undefined || typeof id === 'bigint') return id;
  if (typeof id === 'number' && Number.isSafeInteger(id)) return BigInt(id);
  throw new TypeError('identify has to return the id of a node or undefined');
}
