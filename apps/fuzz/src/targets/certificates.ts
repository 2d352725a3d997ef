/** The alternative names of a certificate that a peer shows, as far as they decide who it is. */
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { Finding, refusal, type Decoder, type Outcome } from '../decoder.ts';
import {
  certificateWith,
  commonName,
  inputOf,
  namesOf,
  nameTags,
  type ForgedName,
} from '../forge/certificate.ts';
import { certificateHosts, shownCertificates } from '../internals.ts';
import { bytesOf } from './samples.ts';

const { dns, ip, mail, uri } = nameTags;
const member = 'babuza://cluster/1/node/2';
const host = 'one.example';
const [address, addressBytes] = ['192.0.2.1', Uint8Array.of(192, 0, 2, 1)];

const named = (tag: number, text: string): ForgedName => ({ tag, value: bytesOf(text) });
const textOf = ({ value }: ForgedName): string => Buffer.from(value).toString('latin1');

const isReadable = (text: string): boolean => /^[ -~]*$/.test(text);

/**
 * Checks the names against the certificate's own bytes and not against the text that Node.js makes
 * of them. No name may turn into another one or into several.
 */
function check(names: readonly ForgedName[], certificate: X509Certificate): Outcome {
  const shown = new shownCertificates.ShownCertificate(certificate);
  const uris = names.filter(({ tag }) => tag === uri).map(textOf);
  const ofMembers = uris.filter((text) => /^babuza:/i.test(text));
  if (
    shown.memberUris.length !== ofMembers.length ||
    !ofMembers.filter(isReadable).every((text) => shown.memberUris.includes(text)) ||
    shown.memberUris.some((text) => isReadable(text) && !ofMembers.includes(text))
  ) {
    throw new Finding(`${ofMembers.join(' ')} is read as ${shown.memberUris.join(' ')}`);
  }
  const hosts = names.filter(({ tag }) => tag === dns).map(textOf);
  const hasWildcard = hosts.some((text) => text.includes('*'));
  if (shown.hasWildcard !== hasWildcard) throw new Finding('a wildcard is misread');
  const hasHost = hosts.some((text) => text.toLowerCase() === host);
  const coversHost = shown.covers(host);
  if (coversHost && !hasHost && !hasWildcard) throw new Finding('a host is covered by no name');
  const hasAddress = names.some(
    ({ tag, value }) => tag === ip && Buffer.from(value).equals(addressBytes),
  );
  const coversAddress = shown.covers(address);
  if (coversAddress && !hasAddress) throw new Finding('an IP address is covered by no name');
  if (shown.covers(commonName) && !hosts.some((text) => text.toLowerCase() === commonName)) {
    if (!hasWildcard) throw new Finding('a common name counts');
  }
  if (shown.isFor('client') || shown.isFor('server')) throw new Finding('a usage out of nothing');
  return { kind: 'value', value: [shown.memberUris.length, coversHost, coversAddress] };
}

export const shownCertificate: Decoder = {
  name: 'transport-http/alternativeNamesOf',
  form: 'bytes',
  weight: 4,
  samples: [
    inputOf([named(uri, member), named(dns, host), { tag: ip, value: addressBytes }]),
    inputOf([named(dns, `a, URI:${member}`), named(mail, `x", URI:"${member}`)]),
    inputOf([named(uri, `http://a/, DNS:${host}, IP Address:${address}`)]),
    inputOf([named(uri, `BABUZA://cluster/1/node/2\0/3`), named(dns, '*.example')]),
    inputOf([named(dns, `${host}\0.other`), named(uri, `${member}\u00e4\\u0022`)]),
    inputOf([{ tag: ip, value: new Uint8Array(16) }, named(dns, ''), named(uri, '')]),
  ],
  run: (input) => {
    // A length of three bytes is none that the forged certificates have.
    const names = namesOf(input.subarray(0, 8192));
    let certificate: X509Certificate;
    try {
      certificate = new X509Certificate(certificateWith(names));
    } catch (error) {
      if (error instanceof Error) return { kind: 'refused', error };
      throw error;
    }
    try {
      return check(names, certificate);
    } catch (error) {
      if (error instanceof Finding) throw error;
      return refusal(error, ['Error']);
    }
  },
};

/** The host of an address as it is compared with the names: the same for all ways to write it. */
export const canonicalHost: Decoder = {
  name: 'transport-http/canonicalHost',
  form: 'bytes',
  samples: ['One.Example.', '::ffff:192.0.2.1', 'fe80::1%eth0', 'bücher.example', '0x7f.1', ''].map(
    bytesOf,
  ),
  run: (input) => {
    const text = Buffer.from(input).toString('utf8');
    const canonical = certificateHosts.canonicalHost(text);
    // One dot at the end is a way to write a name, and two are no name.
    const isName = !canonical.endsWith('.');
    if (isName && certificateHosts.canonicalHost(canonical) !== canonical) {
      throw new Finding(`'${text}' becomes '${canonical}', which becomes something else`);
    }
    if (isIP(text) === 4 && canonical !== text) throw new Finding(`${text} becomes ${canonical}`);
    return { kind: 'value', value: canonical };
  },
};
