import type { Mutant } from '../mutant.ts';

const names = 'transport-http/test/certificate-names.test.ts';
const reload = 'transport-http/test/reload-tls.test.ts';
const alternativeNames = 'transport-http/test/access/alternative-names.test.ts';
const source = 'transport-http/src/access/certificate';

/** Errors that let a certificate speak for a member that it does not name. */
export const transportHttpCertificates: readonly Mutant[] = [
  {
    name: 'the certificate of the connecting member is not compared with the id that it claims',
    file: 'transport-http/src/server/admission.ts',
    find: '        this.#otherCertificate(request, theirs.from) ??\n',
    replace: '',
    caughtBy: [names, 'of another member does not let its holder in'],
  },
  {
    name: 'the certificate of the dialled member is not compared with the id that is meant',
    file: 'transport-http/src/access/connect.ts',
    find: '    if (problem === undefined) return;\n',
    replace: "    if (problem !== '') return;\n",
    caughtBy: [names, 'of another member gets nothing that is for a member'],
  },
  {
    name: 'the host of a certificate counts although its URI names another member',
    file: `${source}/member-certificates.ts`,
    find: 'if (certificate.memberUris.length > 0) {',
    replace: 'if (certificate.memberUris.includes(memberUri(this.#parts.clusterId, id))) {',
    caughtBy: [names, 'with a URI for another member and the right host does not let'],
  },
  {
    name: 'the URI of another cluster counts',
    file: `${source}/member-certificates.ts`,
    find: 'certificate.memberUris.includes(expected)',
    replace: 'certificate.memberUris.some((uri) => uri.endsWith(`/node/${id}`))',
    caughtBy: [names, 'of the same member of another cluster does not let'],
  },
  {
    name: 'a certificate without an extended key usage is good for everything',
    file: `${source}/shown-certificate.ts`,
    find: 'return this.#usages.includes(usageOf[role]);',
    replace: 'return this.#usages.length === 0 || this.#usages.includes(usageOf[role]);',
    caughtBy: [names, 'is not good for who connects with: no usage'],
  },
  {
    name: 'a wildcard counts as the name of a member',
    file: `${source}/member-certificates.ts`,
    find: 'if (certificate.hasWildcard) {',
    replace: 'if (certificate.hasWildcard && id === 0n) {',
    caughtBy: [names, 'for a wildcard that is for the host does not let'],
  },
  {
    name: 'the host of two members names each of them',
    file: `${source}/member-certificates.ts`,
    find: '      if (certificate.covers(host)) {',
    replace: '      if (certificate.covers(host) && other === 0n) {',
    caughtBy: [names, 'for the host of two members does not let'],
  },
  {
    name: 'a certificate that is for the host of the member here, too, names another one',
    file: `${source}/member-certificates.ts`,
    find: 'if (other !== id) yield',
    replace: 'if (other !== id && other !== nodeId) yield',
    caughtBy: [names, 'for its own host and that of the member here does not let'],
  },
  {
    name: 'the common name of a certificate counts as a host',
    file: `${source}/hosts.ts`,
    find: "{ subject: 'never' }",
    replace: "{ subject: 'default' }",
    caughtBy: [names, 'with the name in its common name only does not let'],
  },
  {
    name: 'a session of TLS goes on without another look at the certificate',
    file: `${source}/context.ts`,
    find: '      secureOptions: constants.SSL_OP_NO_TICKET,\n',
    replace: '',
    caughtBy: [names, 'of TLSv1.3 cannot be gone on with'],
  },
  {
    name: 'a name that is quoted in the text of a certificate is taken as it stands there',
    file: `${source}/alternative-names.ts`,
    find: "value.startsWith('\"') ? unquoted(value) : value",
    replace: 'value',
    caughtBy: [alternativeNames, 'keep a name whole that holds the text of another one'],
  },
  {
    name: 'connections outlive the revocation of their certificate',
    file: `${source}/credentials.ts`,
    find: '    if (!isNarrower(loaded, before)) return;\n',
    replace: '    if (isNarrower(loaded, loaded) === isNarrower(before, before)) return;\n',
    caughtBy: [reload, 'with a certificate revoked ends the connections of its holder'],
  },
  {
    name: 'a text without certificates is taken as authorities',
    file: `${source}/context.ts`,
    find: "  if (blocks.length === 0) throw new Error('ca has no certificate in PEM');\n",
    replace: '',
    caughtBy: [reload, 'that cannot be made is an error'],
  },
  {
    name: 'only the first revocation list of a text counts',
    file: `${source}/context.ts`,
    find: '  return blocks.map(([block]) => block);\n',
    replace: '  return blocks.slice(0, 1).map(([block]) => block);\n',
    caughtBy: [reload, 'of several authorities in one text counts'],
  },
];
