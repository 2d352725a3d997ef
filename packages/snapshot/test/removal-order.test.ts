/**
 * The order of the steps of a removal: a crash between any two leaves the snapshot whole or gone.
 */
import { expect, it } from 'vitest';
import { MemoryFileSystem } from '../src/memory-file-system.ts';
import { checkedForm } from '../src/options.ts';
import { StoredSnapshotManager } from '../src/stored-snapshot-manager.ts';
import { make } from './support.ts';

class TracedFileSystem extends MemoryFileSystem {
  readonly calls: string[] = [];

  override async rename(from: string, to: string): Promise<void> {
    this.calls.push(`rename ${to.slice(to.lastIndexOf('/') + 1)}`);
    await super.rename(from, to);
  }

  override async unlink(path: string): Promise<void> {
    this.calls.push('unlink');
    await super.unlink(path);
  }

  override async syncDirectory(): Promise<void> {
    this.calls.push('sync');
  }
}

it.each(['retain', 'remove', 'removeAll'] as const)(
  'a snapshot loses its name durably before the first of its files is removed: %s',
  async (how) => {
    const fileSystem = new TracedFileSystem();
    const manager = new StoredSnapshotManager(
      { durable: true, fileSystem, outside: undefined, directory: '/snapshots' },
      checkedForm({}),
    );
    await manager.open(1n);
    await make(manager, 10);
    if (how !== 'removeAll') await make(manager, 20);
    fileSystem.calls.splice(0);
    if (how === 'retain') await manager.retain(1);
    else if (how === 'remove') await manager.remove({ index: 10, term: 1 });
    else await manager.removeAll();
    const gone = 'rename 0000000000000010-0000000000000001.gone';
    expect(fileSystem.calls.slice(0, 3)).toEqual([gone, 'sync', 'unlink']);
    await manager.close();
  },
);
