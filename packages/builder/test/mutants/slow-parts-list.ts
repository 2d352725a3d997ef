/**
 * Planted errors in the work that overlaps a slow state machine, a slow sender, or a snapshot that
 * is made while another one is installed.
 */
import type { Mutant } from './mutant.ts';

export const slowPartMutants: readonly Mutant[] = [
  {
    name: 'a membership change that an installed snapshot covers still reaches the core',
    firstSeed: 7,
    file: 'raft/src/driver/loop.ts',
    find: 'if (index <= coveredIndex) return undefined;',
    replace: 'if (index < 0) return undefined;',
  },
  {
    name: 'two sends share one hold',
    firstSeed: 14,
    file: 'raft/src/snapshots/snapshot-sending.ts',
    find: 'this.indexes.push(metadata.index);',
    replace: 'this.indexes.splice(0, 1, metadata.index);',
  },
  {
    name: 'the first of two sends that ends releases the hold of both',
    firstSeed: 32,
    file: 'raft/src/snapshots/snapshot-sending.ts',
    find: 'this.indexes.splice(this.indexes.indexOf(metadata.index), 1);',
    replace: 'this.indexes.length = 0;',
  },
  {
    name: 'the log is purged without regard to the snapshots that are being sent',
    firstSeed: 2,
    file: 'raft/src/snapshots/recorded-snapshots.ts',
    find: 'Math.min(marginIndex, ...indexes, ...sending.indexes)',
    replace: 'Math.min(marginIndex, ...indexes)',
  },
  {
    name: 'an installed snapshot does not wait for the entries that are being applied',
    file: 'raft/src/driver/loop.ts',
    find: `    apply.run(async () => {
      await restore();
      onInstalled(snapshot.metadata);
    });`,
    replace: `    void apply;
    void restore().then(() => onInstalled(snapshot.metadata), this.#parts.onFailure);`,
  },
  {
    name: 'a snapshot that was made during an installation is recorded as the newest',
    firstSeed: 8,
    file: 'raft/src/snapshots/recorded-snapshots.ts',
    find: 'if (metadata.index < this.#newestIndex) return;',
    replace: '',
  },
  {
    name: 'a snapshot is made of entries that one which is being installed covers',
    firstSeed: 6,
    file: 'raft/src/snapshots/snapshots.ts',
    find: 'if (index < this.#recorded.newestIndex) {',
    replace: 'if (index < 0) {',
  },
  {
    name: 'a snapshot that met a shortage while it was received is taken',
    file: 'raft/src/incoming/incoming.ts',
    find: 'await snapshots.receive(message, stream, signal);',
    replace: 'await snapshots.receive(message, stream, signal).catch(() => undefined);',
  },
  {
    name: 'after a snapshot that failed none is made any more',
    firstSeed: 3,
    file: 'raft/src/snapshots/snapshots.ts',
    find: `    } catch (error) {
      this.#failed(error);
    }
  }`,
    replace: `    } catch (error) {
      this.#parts.logger?.warn('a snapshot failed', { error });
    }
  }`,
  },
  {
    name: 'entries are applied while the state machine fixes the state of a snapshot',
    file: 'raft/src/snapshots/snapshots.ts',
    find: `    let prepared: unknown;
    try {
      prepared = await stateMachine.prepareSnapshot();
    } catch (error) {
      this.#failed(error);
      return;
    }
    void this.#write(metadata, nodePart, (writer) =>
      stateMachine.saveSnapshot(prepared, writer, signal),
    );`,
    replace: `    void this.#write(metadata, nodePart, async (writer) =>
      stateMachine.saveSnapshot(await stateMachine.prepareSnapshot(), writer, signal),
    );`,
  },
  {
    name: 'entries are applied while a state in memory writes its snapshot',
    firstSeed: 7,
    file: 'raft/src/snapshots/snapshots.ts',
    find: 'await this.#write(metadata, nodePart, (writer) => stateMachine.saveSnapshot(writer, signal));',
    replace:
      'void this.#write(metadata, nodePart, (writer) => stateMachine.saveSnapshot(writer, signal));',
  },
  {
    name: "the node's part of a snapshot is that of the time of its writing",
    file: 'raft/src/snapshots/snapshots.ts',
    find: 'writeSnapshotFiles(files, nodePart, (writer) => {',
    replace: 'writeSnapshotFiles(files, this.#parts.state.encode(), (writer) => {',
  },
];
