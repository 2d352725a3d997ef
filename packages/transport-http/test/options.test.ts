/**
 * The error for each invalid option names it, the value that was given and those that are allowed.
 */
import { describe, expect, it } from 'vitest';
import { printable } from '../src/access/printable.ts';
import { HttpTransport, transportBackend } from '../src/index.ts';
import { checkOptions } from '../src/options.ts';
import { clock, random } from './support.ts';

const address = '127.0.0.1:7000';

/** Values that TypeScript would reject. */
function problemOf(given: unknown): string {
  try {
    Reflect.apply(checkOptions, undefined, [given]);
  } catch (error) {
    expect(error).toMatchObject({ name: 'TransportError', code: 'TRANSPORT_INVALID' });
    return String(error);
  }
  return 'fine';
}

describe('an option that cannot be', () => {
  const cases: [string, unknown, string[]][] = [
    ['none', undefined, ['transportOptions', 'undefined', 'address']],
    ['a text', 'http', ['transportOptions', 'http']],
    ['unknown', { address, adress: 1 }, ['adress', 'address, listen']],
    ['no address', {}, ['address', 'undefined', 'host:port']],
    ['address without port', { address: 'a' }, ['address', "'a'", 'host:port']],
    ['address with port 0', { address: 'a:0' }, ['address', "'a:0'", '1 to 65535']],
    ['address with port 65536', { address: 'a:65536' }, ['address', "'a:65536'"]],
    ['address with a path', { address: 'http://a:1/b' }, ['address', 'http://a:1/b']],
    ['address with a user', { address: 'u@a:1' }, ['address', 'u@a:1']],
    ['address of another scheme', { address: 'https://a:1' }, ['http://', 'https://a:1']],
    ['endless address', { address: `${'a'.repeat(2000)}:1` }, ['address']],
    ['listen', { address, listen: 7 }, ['listen', '7', 'host, port']],
    ['listen.host', { address, listen: { host: '' } }, ['listen.host', 'IP address']],
    ['listen.port', { address, listen: { port: -1 } }, ['listen.port', '-1', '0 to 65535']],
    ['listen.port of text', { address, listen: { port: '80' } }, ['listen.port', '80']],
    ['listen.other', { address, listen: { ports: 1 } }, ['listen.ports', 'host, port']],
    ['streams', { address, streams: 'yes' }, ['streams', 'yes', 'true or false']],
    [
      'a rate of 0',
      { address, snapshotBytesPerSecond: 0 },
      ['snapshotBytesPerSecond', '0', '1024'],
    ],
    ['no rate', { address, snapshotBytesPerSecond: NaN }, ['snapshotBytesPerSecond', 'NaN']],
    ['stall too short', { address, stallTimeoutMs: 99 }, ['stallTimeoutMs', '99', '100 to 600000']],
    ['stall too long', { address, stallTimeoutMs: 1e9 }, ['stallTimeoutMs', '1000000000']],
    ['tls', { address, tls: true }, ['tls', 'true', 'cert, key']],
    ['tls.cert', { address, tls: {} }, ['tls.cert', 'undefined', 'PEM']],
    ['tls.key', { address, tls: { cert: 'a' } }, ['tls.key', 'undefined', 'PEM']],
    ['tls.ca', { address, tls: { cert: 'a', key: 'b' } }, ['tls.ca', 'mutual: false']],
    ...[{ identify: () => 1n }, { seeds: ['a'] }].map((more): [string, object, string[]] => [
      'tls.anyCertificateIsAnyMember',
      { address, tls: { cert: 'a', key: 'b', ca: 'c', anyCertificateIsAnyMember: true, ...more } },
      ['tls.anyCertificateIsAnyMember', 'left out'],
    ]),
    [
      'tls.seeds',
      { address, tls: { cert: 'a', key: 'b', ca: 'c', identify: () => 1n, seeds: ['a'] } },
      ['tls.seeds', 'left out'],
    ],
    [
      'tls.mutual',
      { address, tls: { cert: 'a', key: 'b', ca: 'c', mutual: 1 } },
      ['tls.mutual', '1'],
    ],
  ];
  it.each(cases)('says so: %s', (_, given, parts) => {
    const problem = problemOf(given);
    for (const part of parts) expect(problem).toContain(part);
  });

  it.each([' ', '\t', ' \n'])('a secret with white space at its ends: %j', (space) => {
    const text = 's3cr3t-'.repeat(5);
    for (const secret of [`${text}${space}`, `${space}${text}`, [text, `${text}2${space}`]]) {
      const problem = problemOf({ address, secret });
      expect(problem).toContain('white space');
      expect(problem).not.toContain('s3cr3t');
    }
    // Bytes may end with spaces, and white space within a text is a part of it.
    expect(problemOf({ address, secret: Buffer.from(`${text}${space}`) })).toBe('fine');
    expect(problemOf({ address, secret: `${text}${space}${text}` })).toBe('fine');
  });

  it.each([31, 32, 33])('a secret of %i bytes is taken from 32 on', (bytes) => {
    for (const secret of ['s'.repeat(bytes), new Uint8Array(bytes).fill(1)]) {
      const problem = problemOf({ address, secret });
      expect(problem.includes(`one of ${bytes} bytes`)).toBe(bytes < 32);
    }
  });

  it('that may be a secret is not repeated', () => {
    const tls = { cert: 'a', key: { pem: 'secret' }, keys: 'secret' };
    expect(problemOf({ address, tls })).not.toContain('secret');
    expect(problemOf({ address, tls: { cert: 'a', key: { pem: 'secret' } } })).toContain('tls.key');
  });
});

describe('the address of another member', () => {
  it.each([
    'host',
    'host:0',
    'host:65536',
    ':7000',
    'a b:7000',
    'https://host:7000',
    '',
    'a\u001b[2J:7000',
    'a\u202e:7000',
    'https://a\u0000\u009b:7000',
    'two\nlines:7000',
  ])('that nobody can have is refused: %j', (given) => {
    const transport = transportBackend.create(
      { clusterId: 1n, nodeId: 1n, clock, random },
      { address },
    );
    expect(() => transport.checkAddress?.(given)).toThrow(`got '${printable(given)}'`);
    expect(() => transport.checkAddress?.('host:7000')).not.toThrow();
  });
});

describe('options', () => {
  it('have defaults', () => {
    expect(checkOptions({ address })).toEqual({
      address,
      listen: { host: '127.0.0.1', port: 7000 },
      tls: undefined,
      secrets: [],
      insecure: false,
      transition: { tls: undefined, secret: undefined },
      streams: true,
      snapshotBytesPerSecond: Infinity,
      stallTimeoutMs: 5000,
      incomingBytesMax: 128 * 1024 * 1024,
    });
  });

  it.each(['a:1', 'http://a:1', 'http://a:1/', '[::1]:1', 'http://[::1]:1'])(
    'take the address %s',
    (given) => {
      const host = given.includes('::') ? '::1' : 'a';
      expect(checkOptions({ address: given }).listen).toEqual({ host, port: 1 });
    },
  );

  it('are checked when the transport is made', () => {
    const identity = { clusterId: 1n, nodeId: 1n, clock, random };
    expect(() => transportBackend.create(identity)).toThrow('transportOptions');
    expect(transportBackend.create(identity, { address })).toBeInstanceOf(HttpTransport);
  });
});
