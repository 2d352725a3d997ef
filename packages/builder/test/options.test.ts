/**
 * Options that are not valid for any of the parts: they are refused, and the error names the value
 * that was given and those that are allowed.
 */
import type { TransportBackend } from '@babuza/raft/ports';
import { MemoryNetwork } from '@babuza/transport-memory';
import { nodeEnvironment } from '@babuza/vfs';
import type { WalBackend } from '@babuza/wal-core';
import { walBackend } from '@babuza/wal-memory';
import { describe, expect, it } from 'vitest';
import { BabuzaComponentBuilder } from '../src/index.ts';

const network = new MemoryNetwork(nodeEnvironment());
const good = { clusterId: 7, nodeId: 1, storageRootDir: '/data', walType: 'level-wal-memory' };
const memory = { transportType: 'memory' };

/** The error for a configuration as a caller without types might make it. */
async function refusal(wrong: Record<string, unknown>): Promise<Error> {
  try {
    await using component = await new BabuzaComponentBuilder({ ...good, ...wrong }).build();
    return expect.fail(`accepted: ${typeof component}`);
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
}

const named = 'sessionsMax, resultsPerSessionMax, resultsMax, resultBytesMax';
const refused: [wrong: Record<string, unknown>, code: string, says: string[]][] = [
  [{ sessionOptions: { sesionsMax: 3 } }, 'SESSION_INVALID', ['sesionsMax', named]],
  [{ sessionOptions: { expireMs: 3 } }, 'SESSION_INVALID', ['expireMs', named]],
  [
    { sessionOptions: { sessionsMax: '5' } },
    'SESSION_INVALID',
    ["sessionsMax is '5'", 'whole number'],
  ],
  [
    { sessionOptions: { sessionsMax: null } },
    'SESSION_INVALID',
    ['sessionsMax is null', 'at least 1'],
  ],
  [
    { sessionType: 'expire', sessionOptions: { expireMs: -5 } },
    'SESSION_INVALID',
    ['expireMs is -5'],
  ],
  [
    { sessionType: 'expire', sessionOptions: { expire: 1 } },
    'SESSION_INVALID',
    [`${named}, expireMs`],
  ],
  [
    { snapshotOptions: { compresion: 'deflate' } },
    'SNAPSHOT_INVALID',
    ['compresion', 'chunkBytes'],
  ],
  [
    { snapshotOptions: { compression: 'gzip' } },
    'SNAPSHOT_INVALID',
    ['compression', 'gzip', 'deflate'],
  ],
  [
    { snapshotOptions: { chunkBytes: Number.NaN } },
    'SNAPSHOT_INVALID',
    ['chunkBytes', 'NaN', '512'],
  ],
  [
    { metricType: 'prometheus', metricOptions: { regsitry: 5 } },
    'METRICS_INVALID',
    ['regsitry', 'registry'],
  ],
  [
    { metricType: 'prometheus', metricOptions: { registry: 5 } },
    'METRICS_INVALID',
    ['registry', '5', 'Registry'],
  ],
  [
    { metricType: 'prometheus', metricOptions: { registry: null } },
    'METRICS_INVALID',
    ['registry', 'null'],
  ],
  [memory, 'TRANSPORT_INVALID', ['network', 'undefined', 'a MemoryNetwork']],
  [
    { ...memory, transportOptions: { network: {}, address: 'a' } },
    'TRANSPORT_INVALID',
    ['network', 'an object'],
  ],
  [
    { ...memory, transportOptions: { network, address: '' } },
    'TRANSPORT_INVALID',
    ['address', "''"],
  ],
  [
    { ...memory, transportOptions: { network, address: 'a', adress: 'b' } },
    'TRANSPORT_INVALID',
    ['adress', 'network, address'],
  ],
  [{ walOptions: { chache: 1 } }, 'WAL_INVALID', ['chache', 'cache, verifyOnOpen, store']],
  [{ walOptions: { store: {} } }, 'WAL_INVALID', ['store', 'MemoryStore']],
];

describe('options that their part does not know, or cannot use', () => {
  it.each(refused)('%o', async (wrong, code, says) => {
    const error = await refusal(wrong);
    expect(error).toMatchObject({ code });
    for (const words of says) expect(error.message).toContain(words);
  });
});

describe('options that would count for nothing', () => {
  it.each([
    [
      'sessionOptions',
      { sessionType: 'noop', sessionOptions: {} },
      "left out if sessionType is 'noop'",
    ],
    [
      'metricOptions',
      { metricType: 'none', metricOptions: {} },
      "left out if metricType is 'none'",
    ],
    ['metricOptions', { metricOptions: {} }, "left out if metricType is 'none'"],
    ['transportOptions', { transportOptions: {} }, 'left out if there is no transportType'],
  ])('%s', async (field, wrong, allowed) => {
    expect(await refusal(wrong)).toMatchObject({ code: 'BUILDER_CONFIG', field, allowed });
  });
});

describe('a part of one’s own that gives something else', () => {
  const { capabilities } = walBackend;
  it('a log', async () => {
    const cannot = Object.create(await walBackend.open('/memory'), { capabilities: {} });
    for (const given of [5, undefined, {}, { ...capabilities }, cannot]) {
      const walType = { types: ['own'], capabilities, open: async () => given };
      expect(await refusal({ walType })).toMatchObject({
        code: 'BUILDER_CONFIG',
        field: 'walType',
      });
    }
    const walType = { types: ['own'], capabilities: null, open: async () => undefined };
    expect(await refusal({ walType })).toMatchObject({ code: 'BUILDER_CONFIG', field: 'walType' });
  });

  it('a transport', async () => {
    for (const given of [5, undefined, Promise.resolve({})]) {
      const transportType = { types: ['own'], create: () => given };
      const error = await refusal({ transportType });
      expect(error).toMatchObject({ code: 'BUILDER_CONFIG', field: 'transportType' });
    }
  });
});

it('a log that does not open leaves no transport behind that was made for it', async () => {
  let closed = 0;
  const methods = ['start', 'setPeer', 'removePeer', 'send', 'sendSnapshot'];
  const transport = Object.fromEntries(methods.map((name) => [name, () => undefined]));
  const create = () => ({ ...transport, close: async () => void (closed += 1) });
  const failure = new Error('locked');
  const walType: WalBackend = { ...walBackend, open: () => Promise.reject(failure) };
  const transportType: Pick<TransportBackend, 'types'> & { create: () => unknown } = {
    types: ['own'],
    create,
  };
  expect(await refusal({ walType, transportType })).toBe(failure);
  expect(closed).toBe(1);
  // A ready-made object still belongs to the caller.
  expect(await refusal({ walType, transportType: create() })).toBe(failure);
  expect(closed).toBe(1);
});
