/** The metadata of a log: its bytes with and without an identity, and what is stored. */
import { runWorkload, simulatedEnvironment } from '@babuza/testkit';
import { describe, expect, it } from 'vitest';
import { decodeMetadata, encodeMetadata } from '../src/format/metadata.ts';
import { decodeEtcdMetadata } from '../src/inspect.ts';
import { openManager } from './support/back-end.ts';

const plain = { clusterId: 3n, nodeId: 2n, entryBytesMax: 4096 };
const identity = Uint8Array.of(7, 8, 255);
const extra = Uint8Array.of(1, 2);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('metadata', () => {
  it('without an identity has the bytes of earlier releases', () => {
    expect(hex(encodeMetadata(plain, 5n, 'babuza'))).toBe('0802100350015805608020');
    const written = hex(encodeMetadata({ ...plain, extra }, 5n, 'babuza'));
    expect(written).toBe('08021003500158056080206a020102');
    expect(hex(encodeMetadata({ ...plain, extra, identity }, 5n, 'etcd'))).toBe('08021003');
  });

  it('with an identity has one field more, and version 2', () => {
    const written = encodeMetadata({ ...plain, extra, identity }, 5n, 'babuza');
    expect(hex(written)).toBe('08021003500258056080206a02010272030708ff');
    expect(decodeMetadata(written, '/log').metadata).toEqual({ ...plain, extra, identity });
    // An etcd server reads its own fields and ignores the others.
    expect(decodeEtcdMetadata(written)).toEqual({ nodeId: 2n, clusterId: 3n });
  });

  it('of an unknown version is refused, and the error names the version', () => {
    const written = encodeMetadata({ ...plain, identity }, 5n, 'babuza');
    written[5] = 3;
    expect(() => decodeMetadata(written, '/log')).toThrow(/version 3/);
  });
});

describe('the identity of a log', () => {
  it('stays when the log is written again into one segment, and when a segment is cut', async () => {
    const environment = simulatedEnvironment(1);
    await runWorkload(environment, async () => {
      const manager = openManager(environment);
      const { wal } = await manager.createWal({ ...plain, identity, extra });
      const entries = Array.from({ length: 200 }, (_, at) => ({
        index: at + 1,
        term: 1,
        type: 0 as const,
        data: new Uint8Array(500).fill(at),
      }));
      for (let at = 0; at < 200; at += 20) await wal.save({ entries: entries.slice(at, at + 20) });
      await wal.save({ hardState: { term: 1, vote: 0n, commit: 100 } });
      const confState = {
        voters: [1n],
        learners: [],
        votersOutgoing: [],
        learnersNext: [],
        autoLeave: false,
      };
      await wal.saveSnapshot({ index: 100, term: 1, confState });
      await wal.purge(100);
      await manager.writeIdentity(Uint8Array.of(4));
      await manager.close();
      const again = openManager(environment);
      // The newest snapshot covers the remaining entries, so the log is written again.
      const opened = await again.replayWal({ discardUncommitted: true });
      expect(opened.storage.lastIndex()).toBe(100);
      expect(opened.metadata).toMatchObject({ identity, extra });
      await again.close();
      const last = openManager(environment);
      expect((await last.replayWal()).metadata).toMatchObject({ identity, extra });
      expect(await last.readIdentity()).toEqual(Uint8Array.of(4));
      await last.close();
    });
  });

  it('is not stored in the metadata of an etcd server, but the identity record is', async () => {
    const environment = simulatedEnvironment(1);
    await runWorkload(environment, async () => {
      const manager = openManager(environment, { metadata: 'etcd' });
      expect((await manager.createWal({ ...plain, identity })).metadata.identity).toBe(undefined);
      await manager.writeIdentity(identity);
      await manager.close();
      const again = openManager(environment, { metadata: 'etcd' });
      expect((await again.replayWal()).metadata.identity).toBe(undefined);
      expect(await again.readIdentity()).toEqual(identity);
      await again.close();
    });
  });
});
