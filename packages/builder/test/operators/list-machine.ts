/** A state machine that keeps a list of texts. */
import type {
  AppliedEntry,
  ApplyResult,
  MemoryStateMachine,
  SnapshotReader,
  SnapshotWriter,
} from '@babuza/raft';

export class ListMachine implements MemoryStateMachine<undefined, readonly string[]> {
  readonly kind = 'memory';
  texts: string[] = [];

  apply(entries: readonly AppliedEntry[]): ApplyResult[] {
    for (const { data } of entries) this.texts.push(Buffer.from(data).toString());
    return entries.map(() => undefined);
  }

  query(): readonly string[] {
    return [...this.texts];
  }

  async saveSnapshot(writer: SnapshotWriter): Promise<void> {
    await writer.write(Buffer.from(JSON.stringify(this.texts)));
  }

  async restoreSnapshot(reader: SnapshotReader): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of reader.read()) chunks.push(chunk);
    this.texts = JSON.parse(Buffer.concat(chunks).toString());
  }

  close(): void {}
}
