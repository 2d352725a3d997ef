/** A state machine that keeps every entry that it was given, with its index. */
import type {
  AppliedEntry,
  ApplyResult,
  MemoryStateMachine,
  SnapshotReader,
  SnapshotWriter,
} from '@babuza/raft';

export interface HistoryEntry {
  readonly index: number;
  readonly text: string;
}

export class HistoryMachine implements MemoryStateMachine<undefined, number> {
  readonly kind = 'memory';
  /** A new array after each installed snapshot. */
  entries: HistoryEntry[] = [];
  readonly #onChange: () => void;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  apply(entries: readonly AppliedEntry[]): ApplyResult[] {
    for (const { index, data } of entries) {
      this.entries.push({ index, text: Buffer.from(data).toString() });
    }
    this.#onChange();
    return entries.map(() => undefined);
  }

  query(): number {
    return this.entries.length;
  }

  async saveSnapshot(writer: SnapshotWriter): Promise<void> {
    await writer.write(Buffer.from(JSON.stringify(this.entries)));
  }

  async restoreSnapshot(reader: SnapshotReader): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of reader.read()) chunks.push(chunk);
    this.entries = JSON.parse(Buffer.concat(chunks).toString());
    this.#onChange();
  }

  close(): void {}
}
