/** Compares the hosts in addresses with the hosts that a certificate is valid for. */
import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';

/** Normalises a host, so that equal hosts have equal texts. */
export function canonicalHost(host: string): string {
  if (isIP(host) === 6) return canonicalIpv6(host);
  const ascii = domainToASCII(host).toLowerCase() || host.toLowerCase();
  return ascii.endsWith('.') ? ascii.slice(0, -1) : ascii;
}

/**
 * Normalises an IPv6 address: an IPv4-mapped address becomes the IPv4 address, and the zone is
 * removed.
 */
function canonicalIpv6(host: string): string {
  const { hostname } = new URL(`http://[${host.replace(/%.*$/, '')}]`);
  const short = hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short) ?? [];
  if (high === undefined || low === undefined) return short;
  const bytes = [high, low].flatMap((half) => {
    const value = Number.parseInt(half, 16);
    return [value >> 8, value & 255];
  });
  return bytes.join('.');
}

/**
 * Whether the certificate is valid for the host by its alternative names; the common name is
 * ignored. An IP address must be listed as such. A wildcard name matches.
 */
export function coversHost(certificate: X509Certificate, canonical: string): boolean {
  if (canonical === '') return false;
  if (isIP(canonical) !== 0) return certificate.checkIP(canonical) !== undefined;
  // OpenSSL matches a name that begins with a dot with every name below it.
  if (canonical.startsWith('.')) return false;
  return certificate.checkHost(canonical, { subject: 'never' }) !== undefined;
}
