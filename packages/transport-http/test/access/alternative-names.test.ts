/** The names of a certificate are parsed correctly, whatever characters they contain. */
import type { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { alternativeNamesOf } from '../../src/access/certificate/alternative-names.ts';
import { canonicalHost } from '../../src/access/certificate/hosts.ts';

const read = (subjectAltName: string | undefined): string[] =>
  alternativeNamesOf({ subjectAltName } as X509Certificate).map(
    ({ type, value }) => `${type}=${value}`,
  );

describe('the alternative names', () => {
  it('keep a name whole that holds the text of another one', () => {
    expect(read('DNS:"a, URI:babuza://x"')).toEqual(['DNS=a, URI:babuza://x']);
  });

  it.each<[string | undefined, string[]]>([
    [undefined, []],
    ['', []],
    ['DNS:a.b', ['DNS=a.b']],
    ['DNS:a, IP Address:::1, URI:babuza://x', ['DNS=a', 'IP Address=::1', 'URI=babuza://x']],
    ['DNS:"a, URI:babuza://x"', ['DNS=a, URI:babuza://x']],
    ['DNS:"a\\", URI:babuza://x", URI:b', ['DNS=a", URI:babuza://x', 'URI=b']],
    ['DNS:"a\\\\", URI:b', ['DNS=a\\', 'URI=b']],
    ['DNS:"a\\u0000.b"', ['DNS=a\0.b']],
    ['URI:, DNS:a', ['URI=', 'DNS=a']],
    [
      'othername:<unsupported>, Registered ID:1.2',
      ['othername=<unsupported>', 'Registered ID=1.2'],
    ],
  ])('of %j are %j', (text, names) => {
    expect(read(text)).toEqual(names);
  });

  it.each([
    'DNS',
    'DNS:a,URI:b',
    'DNS:a, ',
    'DNS:"a',
    'DNS:"a"b',
    'DNS:a"b", URI:c',
    'DNS:"\\x"',
    ', DNS:a',
    'DNS:a,, DNS:b',
  ])('of %j cannot be read', (text) => {
    expect(() => read(text)).toThrow();
  });
});

describe('a host', () => {
  it.each([
    ['Two.Example.', 'two.example'],
    ['10.0.0.1', '10.0.0.1'],
    ['::1', '::1'],
    ['0:0::0:1', '::1'],
    ['FE80::1%eth0', 'fe80::1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::ffff:a00:1', '10.0.0.1'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['node_1', 'node_1'],
  ])('%s is written %s', (host, canonical) => {
    expect(canonicalHost(host)).toBe(canonical);
  });
});
