/**
 * Two members during a change-over of a running cluster. Members in adjacent rounds can connect.
 * Mistakes are refused at the start, or the member that cannot connect logs what to compare.
 */
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { checkOptions } from '../src/options.ts';
import type { HttpTransportOptions } from '../src/index.ts';
import { Authority } from './certificates.ts';
import { messageOf, Net, until } from './support.ts';

const authority = new Authority();
const certificate = authority.issue({
  uris: [1, 2].map((id) => `URI:babuza://cluster/1/node/${id}`),
});
afterAll(() => authority.remove());

let net = new Net();
afterEach(async () => {
  await net.close();
  net = new Net();
});

const tls = { ...certificate, ca: authority.cert };
const secret = 'a secret of the members, 32 bytes long';
const address = '127.0.0.1:7000';

describe('insecure: true', () => {
  it.each<[string, Partial<HttpTransportOptions>]>([
    ['mutual TLS', { tls }],
    ['a secret', { secret }],
    ['two secrets', { secret: [secret, `newer: ${secret}`] }],
    ['mutual TLS and a secret', { tls, secret }],
    [
      'a secret within TLS that asks for no certificate',
      { tls: { ...tls, mutual: false }, secret },
    ],
    ['a secret while TLS is on its way', { tls, secret, transition: { tls: 'connect' } }],
    ['mutual TLS while a secret is on its way', { tls, secret, transition: { secret: 'accept' } }],
  ])('is refused beside %s, where it has no effect', (_, options) => {
    expect(() => checkOptions({ address, ...options, insecure: true })).toThrow(
      expect.objectContaining({
        code: 'TRANSPORT_INVALID',
        message: expect.stringMatching(/insecure must be left out .*transition.*; got true/),
      }),
    );
    expect(checkOptions({ address, ...options, insecure: false }).insecure).toBe(false);
  });

  it.each<[string, Partial<HttpTransportOptions>]>([
    ['nothing', {}],
    ['TLS that asks for no certificate', { tls: { ...tls, mutual: false } }],
    ['mutual TLS that is accepted', { tls, transition: { tls: 'accept' } }],
    ['mutual TLS that connects', { tls, transition: { tls: 'connect' } }],
    ['a secret that is accepted', { secret, transition: { secret: 'accept' } }],
    ['a secret that connects', { secret, transition: { secret: 'connect' } }],
    ['both on their way', { tls, secret, transition: { tls: 'accept', secret: 'connect' } }],
  ])('is taken beside %s, which does not protect', (_, options) => {
    expect(checkOptions({ address, ...options, insecure: true }).insecure).toBe(true);
  });
});

describe('a secret', () => {
  const keysOf = (given: HttpTransportOptions['secret']) =>
    checkOptions({ address, secret: given }).secrets.map((key) => key.toString('latin1'));

  it.each(['\n', '\r\n', '\n\n'])('of a file that ends with %j is the text before it', (end) => {
    const lines = `two\tlines:\r\n${secret}`;
    for (const text of [secret, lines, `gänzlich ${secret}`]) {
      const key = Buffer.from(text).toString('latin1');
      expect(keysOf(`${text}${end}`)).toEqual([key]);
      expect(keysOf(Buffer.from(`${text}${end}`))).toEqual([key]);
    }
  });

  it('of random bytes keeps its last byte, whatever that is', () => {
    for (const first of [0, 0x1b, 0x7f, 0xff]) {
      const bytes = Buffer.alloc(32, 'a').fill(first, 0, 1).fill('\n', 31);
      expect(keysOf(bytes)).toEqual([bytes.toString('latin1')]);
    }
  });

  it('that is too short without its line break is refused', () => {
    const short = 'x'.repeat(31);
    expect(() => keysOf(`${short}\n`)).toThrow('got one of 31 bytes');
    expect(keysOf(`${short}x\n`)).toEqual([`${short}x`]);
    expect(() => keysOf('\n'.repeat(40))).toThrow('got one of 0 bytes');
  });

  it('that is given twice is refused, also where a line break tells the two apart', () => {
    for (const second of [secret, `${secret}\n`, Buffer.from(secret)]) {
      expect(() => keysOf([secret, second])).toThrow(/two different ones.*the same one twice/);
    }
  });

  it('that differs by a line break at its end lets members speak', async () => {
    const [one, two] = await net.pair({ secret }, { secret: Buffer.from(`${secret}\n`) });
    one.transport.send([messageOf(1n, 2n, 'to two')]);
    two.transport.send([messageOf(2n, 1n, 'to one')]);
    await until(() => one.texts.length > 0 && two.texts.length > 0);
    expect([one.texts, two.texts]).toEqual([['to one'], ['to two']]);
  });
});

const ways = {
  plain: {},
  secret: { secret },
  'another secret': { secret: `another ${secret}` },
  'two secrets, the newer one shown': { secret: [`another ${secret}`, secret] },
  TLS: { tls },
  'TLS and a secret': { tls, secret },
  'TLS and another secret': { tls, secret: `another ${secret}` },
  'TLS that asks for no certificate': { tls: { ...tls, mutual: false } },
  'TLS that it connects with': { tls, transition: { tls: 'connect' } },
  'TLS that it accepts': { tls, transition: { tls: 'accept' } },
  'a secret that it accepts': { secret, transition: { secret: 'accept' } },
  'a secret that it connects with': { secret, transition: { secret: 'connect' } },
} satisfies Record<string, Partial<HttpTransportOptions>>;

/**
 * The options of the member that connects and of the other one, and the protection that the first
 * one reports.
 */
const mismatches: readonly (readonly [keyof typeof ways, keyof typeof ways, string])[] = [
  ['plain', 'secret', 'without TLS and without a secret'],
  ['plain', 'TLS', 'without TLS and without a secret'],
  ['plain', 'TLS and a secret', 'without TLS and without a secret'],
  ['secret', 'plain', 'without TLS and with a secret'],
  ['secret', 'another secret', 'without TLS and with a secret'],
  ['secret', 'TLS', 'without TLS and with a secret'],
  ['two secrets, the newer one shown', 'secret', 'without TLS and with a secret'],
  ['a secret that it connects with', 'plain', 'without TLS and with a secret'],
  ['TLS that it accepts', 'TLS', "without TLS (transition.tls is 'accept') and without a secret"],
  [
    'a secret that it accepts',
    'secret',
    "without TLS and without a secret (transition.secret is 'accept')",
  ],
  ['TLS', 'plain', 'with TLS and without a secret'],
  ['TLS', 'secret', 'with TLS and without a secret'],
  ['TLS', 'TLS and a secret', 'with TLS and without a secret'],
  ['TLS that it connects with', 'plain', 'with TLS and without a secret'],
  ['TLS that asks for no certificate', 'TLS', 'with TLS and without a secret'],
  ['TLS and a secret', 'TLS', 'with TLS and with a secret'],
  ['TLS and a secret', 'TLS and another secret', 'with TLS and with a secret'],
];

/** Two adjacent rounds of a change-over: the member that connects, and the one that it reaches. */
const neighbours: readonly (readonly [
  string,
  Partial<HttpTransportOptions>,
  Partial<HttpTransportOptions>,
])[] = [
  ['accepts TLS reaches a plain one', { tls, transition: { tls: 'accept' } }, {}],
  ['is plain reaches one that accepts TLS', {}, { tls, transition: { tls: 'accept' } }],
  ['accepts a secret reaches a plain one', { secret, transition: { secret: 'accept' } }, {}],
  ['is plain reaches one that accepts a secret', {}, { secret, transition: { secret: 'accept' } }],
  [
    'has the old secret reaches one that shows the new one',
    { secret },
    ways['two secrets, the newer one shown'],
  ],
];

it.each(neighbours)('a member that %s', async (_, mine, theirs) => {
  const [one, two] = [await net.add(1n, mine), await net.add(2n, theirs)];
  one.transport.setPeer({ id: 2n, address: two.address });
  one.transport.send([messageOf(1n, 2n, 'to two')]);
  await until(() => two.texts.length > 0 || one.unreachable.length > 0);
  expect(two.texts).toEqual(['to two']);
});

describe.each([true, false])('a member left behind (streams: %s)', (streams) => {
  it.each(mismatches)(
    'with %s says so when it connects to one with %s',
    async (mine, theirs, how) => {
      const [one, two] = [
        await net.add(1n, { ...ways[mine], streams }),
        await net.add(2n, { ...ways[theirs], streams }),
      ];
      one.transport.setPeer({ id: 2n, address: two.address });
      one.transport.send([messageOf(1n, 2n, 'to two')]);
      const lines = () =>
        one.logged.filter((line) => line.startsWith('a member cannot be reached'));
      await until(() => lines().length > 0 || two.texts.length > 0);
      expect(two.texts).toEqual([]);
      // The text of OpenSSL before it ends with a line break.
      expect(lines()[0]).toMatch(
        /\S; if this lasts, compare the options tls, secret and transition/,
      );
      expect(lines()[0]?.endsWith(`this member connects ${how}`)).toBe(true);
    },
  );

  it('says nothing of options where nobody listens', async () => {
    const one = await net.add(1n, { streams });
    one.transport.setPeer({ id: 2n, address: '127.0.0.1:1' });
    one.transport.send([messageOf(1n, 2n, 'to two')]);
    await until(() => one.logged.length > 0);
    expect(one.logged[0]).toContain('ECONNREFUSED');
    expect(one.logged[0]).not.toContain('compare');
  });
});
