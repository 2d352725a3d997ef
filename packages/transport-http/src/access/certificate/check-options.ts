/** Checks the option `tls`. */
import { hidden, isPem, objectOf, refuse } from '../option-checks.ts';
import type { HttpTransportTls, HttpTransportTlsFiles } from './options.ts';

const files = ['cert', 'key', 'ca', 'crl'];
const known = [...files, 'mutual', 'identify', 'seeds', 'anyCertificateIsAnyMember'];

/**
 * @throws TransportError (`TRANSPORT_INVALID`) that names the option, the value that was given and
 * the values that are allowed.
 */
export function checkTls(given: unknown): HttpTransportTls {
  const {
    cert,
    key,
    ca,
    crl,
    mutual = true,
    identify,
    seeds,
    anyCertificateIsAnyMember = false,
  } = objectOf('tls', given, known);
  if (!isPem(cert)) refuse('tls.cert', hidden(cert), 'a certificate in PEM');
  if (!isPem(key)) refuse('tls.key', hidden(key), 'a private key in PEM');
  if (ca !== undefined && !isPem(ca)) refuse('tls.ca', hidden(ca), 'certificates in PEM');
  if (typeof mutual !== 'boolean') refuse('tls.mutual', mutual, 'true or false');
  if (mutual && ca === undefined) {
    refuse('tls.ca', ca, "the members' certificate authorities, or tls.mutual: false");
  }
  if (identify !== undefined && !isIdentify(identify)) {
    refuse('tls.identify', hidden(identify), 'a function of a certificate');
  }
  if (typeof anyCertificateIsAnyMember !== 'boolean') {
    refuse('tls.anyCertificateIsAnyMember', anyCertificateIsAnyMember, 'true or false');
  }
  const seedList = checkSeeds(seeds);
  if (anyCertificateIsAnyMember && (identify !== undefined || seedList.length > 0)) {
    const allowed =
      'left out together with tls.identify and tls.seeds, which would have no effect beside it';
    refuse('tls.anyCertificateIsAnyMember', true, allowed);
  }
  if (identify !== undefined && seedList.length > 0) {
    refuse('tls.seeds', 'some', 'left out beside tls.identify, which decides first');
  }
  const lists = checkLists(crl);
  if (lists.length > 0 && ca === undefined) {
    refuse('tls.crl', 'some', 'left out where there is no tls.ca whose lists they are');
  }
  return {
    cert,
    key,
    ca,
    crl: lists,
    mutual,
    identify,
    seeds: seedList,
    anyCertificateIsAnyMember,
  };
}

/** Checks the files that `reloadTls` was given together with those that stay the same. */
export function checkTlsFiles(given: unknown, tls: HttpTransportTls): HttpTransportTlsFiles {
  const { cert, key, ca, crl } = checkTls({
    ...tls,
    ...withoutUndefined(objectOf('tls', given, files)),
  });
  return { cert, key, ca, crl };
}

const withoutUndefined = (fields: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

const isIdentify = (value: unknown): value is NonNullable<HttpTransportTls['identify']> =>
  typeof value === 'function';

function checkLists(given: unknown): (string | Uint8Array)[] {
  if (given === undefined) return [];
  const lists: unknown[] = Array.isArray(given) ? given : [given];
  return lists.map((list) =>
    isPem(list) ? list : refuse('tls.crl', hidden(list), 'revocation lists in PEM'),
  );
}

function checkSeeds(given: unknown): string[] {
  if (given === undefined) return [];
  const allowed = 'a list of hosts, or of addresses of members';
  if (!Array.isArray(given)) return refuse('tls.seeds', given, allowed);
  return given.map((seed: unknown) =>
    typeof seed === 'string' && seed !== '' ? seed : refuse('tls.seeds', seed, allowed),
  );
}
