/** A state machine that keeps the applied values in order. */
import type { StateMachine } from '@babuza/raft';

export function newListMachine(): StateMachine<void, readonly string[]> {
  let applied: string[] = [];
  return {
    kind: 'memory',
    apply: (entries) => {
      for (const { data } of entries) applied.push(Buffer.from(data).toString());
      return entries.map(() => undefined);
    },
    query: () => [...applied],
    saveSnapshot: (writer) => writer.write(Buffer.from(JSON.stringify(applied))),
    restoreSnapshot: async (reader) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of reader.read()) chunks.push(chunk);
      const content: unknown = JSON.parse(Buffer.concat(chunks).toString());
      applied = Array.isArray(content) ? content.map(String) : [];
    },
    close: () => undefined,
  };
}
