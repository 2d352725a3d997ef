/** The checks of every field of the configuration and their errors. */
import { describe, expect, it } from 'vitest';
import { PrometheusCollector } from '@babuza/metrics/prometheus';
import { LruSessionManager } from '@babuza/session';
import { VolatileSnapshotManager } from '@babuza/snapshot';
import { BabuzaComponentBuilder, BuilderConfigError, type BuilderConfig } from '../src/index.ts';

const good: BuilderConfig = { clusterId: 7n, storageRootDir: '/data', walType: 'babuza-wal' };

/** The error for a configuration as a caller without types might make it. */
function refusal(wrong: Record<string, unknown>): BuilderConfigError {
  try {
    return expect.fail(`accepted: ${typeof new BabuzaComponentBuilder({ ...good, ...wrong })}`);
  } catch (error) {
    if (error instanceof BuilderConfigError) return error;
    throw error;
  }
}

const id = (first: number): string => `a bigint or a safe integer from ${first} to 2^64 - 1`;
const logger = 'an object with the methods debug, info, warn and error, or left out';
const directory = 'the path of a directory';

const refused: [field: string, given: unknown, described: string, allowed: string][] = [
  ['clusterId', undefined, 'undefined', id(0)],
  ['clusterId', -1n, '-1', id(0)],
  ['clusterId', 2n ** 64n, '18446744073709551616', id(0)],
  ['clusterId', 1.5, '1.5', id(0)],
  ['clusterId', 2 ** 53, '9007199254740992', id(0)],
  ['clusterId', '7', "'7'", id(0)],
  ['clusterId', null, 'null', id(0)],
  ['nodeId', 0, '0', id(1)],
  ['nodeId', 0n, '0', id(1)],
  ['nodeId', '1', "'1'", id(1)],
  ['nodeId', null, 'null', id(1)],
  ['storageRootDir', undefined, 'undefined', directory],
  ['storageRootDir', '', "''", directory],
  ['storageRootDir', 'a\0b', "'a\0b'", directory],
  ['storageRootDir', 5, '5', directory],
  ['walOptions', 'big', "'big'", 'an object, or left out'],
  ['walOptions', [1], 'an array', 'an object, or left out'],
  ['walOptions', null, 'null', 'an object, or left out'],
  ['logger', () => undefined, 'a function', logger],
  ['logger', { info: () => undefined }, 'an object', logger],
  ['logger', null, 'null', logger],
];

describe('a field that cannot be', () => {
  for (const [field, given, described, allowed] of refused) {
    it(`${field}: ${described}`, () => {
      const error = refusal({ [field]: given });
      expect([error.code, error.field, error.allowed]).toEqual(['BUILDER_CONFIG', field, allowed]);
      expect(error.message).toBe(`${field} must be ${allowed}; got ${described}`);
    });
  }
});

describe('walType', () => {
  const wrong = [undefined, null, '', 'wal', 'Babuza-Wal', 'constructor', {}, { types: ['a'] }, 1];
  for (const walType of wrong) {
    it(`never falls back to a default: ${JSON.stringify(walType) ?? 'undefined'}`, () => {
      const error = refusal({ walType });
      expect(error.field).toBe('walType');
      for (const known of ['babuza-wal', 'etcd-wal', 'level-wal', 'pebble-wal-memory']) {
        expect(error.message).toContain(`'${known}'`);
      }
    });
  }
});

describe('the other parts', () => {
  const known: Record<string, { names: string; part: string }> = {
    transportType: {
      names: "'http', 'memory', 'tcp-memory'",
      part: 'a TransportBackend, or a Transport',
    },
    snapshotType: { names: "'durable', 'volatile'", part: 'a SnapshotManager' },
    sessionType: { names: "'noop', 'lru', 'expire'", part: 'a SessionManager' },
    metricType: { names: "'none', 'prometheus'", part: 'a MetricsCollector' },
  };
  for (const [field, { names, part }] of Object.entries(known)) {
    it(`${field} is a known name or a part, never something else`, () => {
      for (const given of [null, '', 'etcd', 'Durable', 'constructor', {}, 7, { types: ['a'] }]) {
        const error = refusal({ [field]: given });
        expect([error.field, error.allowed]).toEqual([field, `one of ${names}, or ${part}`]);
      }
    });
  }

  it('a part that lacks a method is refused', () => {
    const made: Record<string, [object, readonly string[]]> = {
      snapshotType: [new VolatileSnapshotManager(), ['received', 'retain', 'remove', 'close']],
      sessionType: [new LruSessionManager(), ['judge', 'restore']],
      metricType: [new PrometheusCollector(), ['observe', 'distribution']],
    };
    for (const [field, [part, methods]] of Object.entries(made)) {
      for (const method of methods) {
        const lacks = Object.assign(Object.create(part), { [method]: undefined });
        expect(refusal({ [field]: lacks }).field, method).toBe(field);
      }
    }
  });

  it.each(['tcp', 'grpc'])('the transport %s is not here, and what to use is said', (type) => {
    expect(refusal({ transportType: type }).message).toBe(
      `transportType must be 'http': '${type}' is not available here; got '${type}'`,
    );
  });

  it('options of a part that was made already belong to who made it', () => {
    const made: Record<string, [unknown, string]> = {
      snapshotOptions: [new VolatileSnapshotManager(), 'snapshotType'],
      sessionOptions: [new LruSessionManager(), 'sessionType'],
      metricOptions: [new PrometheusCollector(), 'metricType'],
    };
    for (const [options, [part, type]] of Object.entries(made)) {
      const error = refusal({ [type]: part, [options]: {} });
      expect(error.field).toBe(options);
      expect(error.allowed).toContain(`left out if ${type} is`);
    }
  });

  it.each([
    ['transportOptions', 'x', 'an object, or left out'],
    ['snapshotOptions', null, 'an object, or left out'],
    ['sessionOptions', [1], 'an object, or left out'],
    ['metricOptions', 3, 'an object, or left out'],
    ['random', {}, 'an object with the method uint32, or left out'],
    [
      'clock',
      { sleep: () => undefined },
      'an object with the methods monotonicMs, wallMs, startTimer and sleep, or left out',
    ],
  ])('%s: %o', (field, given, allowed) => {
    expect(refusal({ [field]: given })).toMatchObject({ field, allowed });
  });
});

describe('fields that are not known', () => {
  for (const field of ['transport', 'snapshotDir', 'walTyp', 'ClusterId', 'toString']) {
    it(`${field} is refused, not ignored`, () => {
      const error = refusal({ [field]: 'http' });
      expect([error.code, error.field]).toEqual(['BUILDER_CONFIG', field]);
      expect(error.message).toContain('clusterId, nodeId, storageRootDir, walType');
    });
  }

  it('a field that cannot be read is named', () => {
    const config = Object.defineProperty({ ...good }, 'walOptions', {
      enumerable: true,
      get: () => {
        throw new Error('not today');
      },
    });
    expect(() => new BabuzaComponentBuilder(config)).toThrow(
      expect.objectContaining({
        field: 'walOptions',
        message: expect.stringContaining('not today'),
      }),
    );
  });

  it('a configuration may inherit its fields, as one made by a class may', () => {
    const inherits: BuilderConfig = Object.create({ ...good, snapshotType: 'nonsense' });
    expect(() => new BabuzaComponentBuilder(inherits)).toThrow(
      expect.objectContaining({ field: 'snapshotType' }),
    );
    const fine: BuilderConfig = Object.create(good);
    expect(() => new BabuzaComponentBuilder(fine)).not.toThrow();
  });

  it('a configuration that is not an object', () => {
    for (const config of [undefined, null, 'x', []]) {
      const make = (): unknown => Reflect.construct(BabuzaComponentBuilder, [config]);
      expect(make).toThrow(BuilderConfigError);
    }
  });
});
