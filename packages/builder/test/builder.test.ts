/**
 * The builder: back ends chosen by name, by synonym and by object, and the configurations that it
 * refuses.
 */
import { join, resolve } from 'node:path';
import { tmpdir } from 'node:os';
import { mkdtemp, rm } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { WalBackend, WalManager } from '@babuza/wal-core';
import * as walLevelDisk from '@babuza/wal-level-disk';
import * as walMemory from '@babuza/wal-memory';
import * as walNative from '@babuza/wal-native';
import * as entryPoint from '../src/index.ts';
import { walRegistry } from '../src/registry.ts';
import type { LogFields, Logger } from '../src/index.ts';

const { BabuzaComponentBuilder } = entryPoint;

class RecordingLogger implements Logger {
  readonly lines: { level: string; message: string; fields: LogFields | undefined }[] = [];
  debug(message: string, fields?: LogFields): void {
    this.lines.push({ level: 'debug', message, fields });
  }
  info(message: string, fields?: LogFields): void {
    this.lines.push({ level: 'info', message, fields });
  }
  warn(message: string, fields?: LogFields): void {
    this.lines.push({ level: 'warn', message, fields });
  }
  error(message: string, fields?: LogFields): void {
    this.lines.push({ level: 'error', message, fields });
  }
}

const base = { clusterId: 7, storageRootDir: '/data/node' };

/** A back end of a third party that records how it was opened. */
class OwnBackend implements WalBackend<{ colour: string }> {
  readonly types: readonly [string] = ['own-wal'];
  readonly capabilities = walMemory.capabilities;
  readonly opened: [string, { colour: string } | undefined][] = [];
  open(directory: string, options?: { colour: string }): Promise<WalManager> {
    this.opened.push([directory, options]);
    return walMemory.walBackend.open(directory);
  }
}

describe('a component', () => {
  it('holds an open manager; closing closes it', async () => {
    const builder = new BabuzaComponentBuilder({ ...base, nodeId: 3, walType: 'level-wal-memory' });
    expect('then' in builder).toBe(false);
    const component = await builder.build();
    expect('then' in component).toBe(false);
    expect([component.clusterId, component.nodeId]).toEqual([7n, 3n]);
    expect(component.storageRootDir).toBe(resolve('/data/node'));
    const { clusterId } = component;
    const { wal, storage } = await component.walManager.createWal({ clusterId, nodeId: 3n });
    await wal.save({ entries: [{ index: 1, term: 1, type: 0 }] });
    expect(storage.lastIndex()).toBe(1);
    const closing = component.close();
    expect(component.close()).toBe(closing);
    await closing;
    await component[Symbol.asyncDispose]();
    await expect(wal.save({})).rejects.toMatchObject({ code: 'WAL_CLOSED' });
    await expect(component.walManager.hasExistingWal()).rejects.toMatchObject({
      code: 'WAL_CLOSED',
    });
  });

  it('of the native log keeps it in {storageRootDir}/wal', async () => {
    const storageRootDir = await mkdtemp(join(tmpdir(), 'babuza-builder-'));
    const config = { ...base, storageRootDir, walType: entryPoint.BabuzaWal };
    const first = await new BabuzaComponentBuilder(config).build();
    await first.walManager.createWal({ clusterId: 7, nodeId: 1 });
    const second = await new BabuzaComponentBuilder(config).build();
    await expect(second.walManager.replayWal()).rejects.toMatchObject({ code: 'WAL_LOCKED' });
    await Promise.all([first.close(), second.close()]);
    const direct = await walNative.walBackend.open(join(storageRootDir, 'wal'));
    expect(await direct.hasExistingWal()).toBe(true);
    await direct.close();
    await rm(storageRootDir, { recursive: true });
  });

  it('hands the options of the log to the back end, which checks them', async () => {
    const walOptions = { cache: { entriesMax: -1, bytesMax: 0 } };
    const builder = new BabuzaComponentBuilder({
      ...base,
      walType: 'level-wal-memory',
      walOptions,
    });
    await expect(builder.build()).rejects.toMatchObject({ code: 'WAL_INVALID' });
  });
});

describe('names', () => {
  it('the constants are the names of the configuration', () => {
    expect(entryPoint.BabuzaWal).toBe('babuza-wal');
    expect(entryPoint.ETCDWal).toBe('etcd-wal');
    expect([entryPoint.LevelWalDisk, entryPoint.BadgerWalDisk, entryPoint.PebbleWalDisk]).toEqual([
      'level-wal',
      'badger-wal',
      'pebble-wal',
    ]);
    expect([
      entryPoint.LevelWalMemory,
      entryPoint.BadgerWalMemory,
      entryPoint.PebbleWalMemory,
    ]).toEqual(['level-wal-memory', 'badger-wal-memory', 'pebble-wal-memory']);
  });

  it('the registry says what the back ends say themselves', () => {
    const lines = walRegistry.filter(({ packageName }) => packageName !== '@babuza/wal-etcd');
    expect(lines.map(({ types }) => types)).toEqual([
      walNative.walBackend.types,
      walLevelDisk.walBackend.types,
      walMemory.walBackend.types,
    ]);
    const all = walRegistry.flatMap(({ types }) => types);
    expect(new Set(all).size).toBe(all.length);
  });

  it('a synonym is resolved and reported; a canonical name is not logged', async () => {
    const storageRootDir = await mkdtemp(join(tmpdir(), 'babuza-builder-'));
    for (const [canonical, packageName] of [
      ['level-wal-memory', '@babuza/wal-memory'],
      ['level-wal', '@babuza/wal-level-disk'],
    ] as const) {
      const synonyms = ['badger', 'pebble'].map((name) => canonical.replace('level', name));
      for (const walType of [...synonyms, canonical]) {
        const logger = new RecordingLogger();
        const config = { ...base, storageRootDir, walType, logger };
        const component = await new BabuzaComponentBuilder(config).build();
        await component.close();
        const expected = {
          level: 'info',
          message: `walType '${walType}' is a synonym of '${canonical}' here`,
          fields: { walType, canonical, packageName },
        };
        expect(logger.lines).toEqual(walType === canonical ? [] : [expected]);
      }
    }
    await rm(storageRootDir, { recursive: true });
  });
});

describe('a back end of one’s own', () => {
  it('is opened with its options, and nothing is looked up', async () => {
    const own = new OwnBackend();
    const component = await new BabuzaComponentBuilder({
      ...base,
      walType: own,
      walOptions: { colour: 'red' },
    }).build();
    expect(own.opened).toEqual([[resolve('/data/node/wal'), { colour: 'red' }]]);
    await component.close();
  });

  it('may be asynchronous to open, and its failure is the failure of build', async () => {
    const failing: WalBackend = {
      types: ['failing'],
      capabilities: walMemory.capabilities,
      open: () => Promise.reject(new RangeError('no')),
    };
    const builder = new BabuzaComponentBuilder({ ...base, walType: failing });
    await expect(builder.build()).rejects.toThrow(RangeError);
  });
});
