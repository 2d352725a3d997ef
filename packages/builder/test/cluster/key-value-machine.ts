/**
 * A key-value store as each kind of state machine, for tests. Put and compare-and-set are
 * proposals; get is a query. All replicas record the applied entries in one ledger.
 */
import type {
  AppliedEntry,
  ApplyResult,
  SnapshotReader,
  SnapshotWriter,
  StateMachine,
} from '@babuza/raft';
import type { KeyValueInput } from '@babuza/testkit';
import type { AppliedLedger } from './ledger.ts';

export type KeyValueMachine = StateMachine<string, string | undefined> & {
  /** The whole state as text; equal on replicas that have applied the same entries. */
  content(): string;
};

/** The calls of a node that the machine may delay or fail. */
export type MachineCall = 'apply' | 'restore' | 'prepare' | 'save';

/**
 * The part of a disk machine that survives a crash: its state at some index, written atomically.
 */
export interface MachineDisk {
  appliedIndex: number;
  /** A hash over the applied entries, which shows from then on if one was skipped or repeated. */
  digest: number;
  content: string;
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

export const encodeCommand = (input: KeyValueInput, filler: string): Uint8Array =>
  encode(JSON.stringify({ ...input, filler }));

/** Whether a compare-and-set has changed the value. */
export const hasSet = (result: ApplyResult): boolean => result !== undefined && result[0] === 1;

class Store {
  readonly #ledger: AppliedLedger;
  readonly #map = new Map<string, string>();
  #appliedIndex = 0;
  #digest = 0;
  #doing: string | undefined;

  constructor(ledger: AppliedLedger) {
    this.#ledger = ledger;
  }

  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  get digest(): number {
    return this.#digest;
  }

  apply(entries: readonly AppliedEntry[]): ApplyResult[] {
    return entries.map((entry) => {
      if (entry.index <= this.#appliedIndex) {
        throw new Error(`index ${entry.index} is applied again, after ${this.#appliedIndex}`);
      }
      this.#appliedIndex = entry.index;
      this.#ledger.note(entry);
      this.#digest = (Math.imul(this.#digest, 31) + entry.index) | 0;
      this.#ledger.noteDigest(entry.index, this.#digest);
      const command: KeyValueInput = JSON.parse(decode(entry.data));
      if (command.kind === 'get') return undefined;
      const fits =
        command.kind === 'put' || this.#map.get(command.key) === (command.expected ?? undefined);
      if (fits) this.#map.set(command.key, command.value);
      return Uint8Array.of(fits ? 1 : 0);
    });
  }

  /** Delays one call. The node must not make another call before it has ended. */
  async alone<Result>(call: MachineCall, work: () => Promise<Result>): Promise<Result> {
    if (this.#doing !== undefined) throw new Error(`${call} while it is busy: ${this.#doing}`);
    this.#doing = call;
    try {
      return await work();
    } finally {
      this.#doing = undefined;
    }
  }

  query(key: string): string | undefined {
    return this.#map.get(key);
  }

  content(): string {
    return JSON.stringify([...this.#map].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Includes the index, so that a restored machine continues from there. */
  whole(): string {
    const whole: MachineDisk = {
      appliedIndex: this.#appliedIndex,
      digest: this.#digest,
      content: this.content(),
    };
    return JSON.stringify(whole);
  }

  load(whole: string): void {
    const { appliedIndex, digest, content }: MachineDisk = JSON.parse(whole);
    this.#map.clear();
    for (const [key, value] of JSON.parse(content) as [string, string][]) this.#map.set(key, value);
    this.#appliedIndex = appliedIndex;
    this.#digest = digest;
  }
}

async function readWhole(reader: SnapshotReader): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of reader.read()) chunks.push(chunk.slice());
  return decode(Buffer.concat(chunks));
}

/**
 * `work` delays a call before it takes effect and may make it fail; `undefined` for no delay. A
 * disk machine becomes durable when `isFlushTime` returns true, and lags behind otherwise.
 */
export function keyValueMachine(
  kind: StateMachine['kind'],
  ledger: AppliedLedger,
  disk: MachineDisk,
  isFlushTime: () => boolean,
  work: (call: MachineCall) => Promise<void> | undefined,
): KeyValueMachine {
  const store = new Store(ledger);
  const flush = (): void => {
    disk.appliedIndex = store.appliedIndex;
    disk.digest = store.digest;
    disk.content = store.content();
  };
  const apply = (entries: readonly AppliedEntry[]): ApplyResult[] | Promise<ApplyResult[]> => {
    const working = work('apply');
    if (working === undefined) return store.apply(entries);
    return store.alone('apply', async () => {
      await working;
      return store.apply(entries);
    });
  };
  const restoreSnapshot = (reader: SnapshotReader): Promise<void> =>
    store.alone('restore', async () => {
      const whole = await readWhole(reader);
      await work('restore');
      store.load(whole);
    });
  const write = async (whole: string, writer: SnapshotWriter): Promise<void> => {
    const bytes = encode(whole);
    for (let at = 0; at < bytes.length; at += 100) {
      await writer.write(bytes.subarray(at, at + 100));
      if (at === 0) await work('save');
    }
  };
  const base = {
    query: (key: string) => store.query(key),
    close: () => undefined,
    content: () => store.content(),
  };
  if (kind === 'memory') {
    return {
      ...base,
      kind,
      apply,
      saveSnapshot: (writer) => store.alone('save', () => write(store.whole(), writer)),
      restoreSnapshot,
    };
  }
  const concurrent = {
    ...base,
    prepareSnapshot: () =>
      store.alone('prepare', async () => {
        await work('prepare');
        return store.whole();
      }),
    saveSnapshot: (prepared: unknown, writer: SnapshotWriter) => write(String(prepared), writer),
  };
  if (kind === 'concurrent') return { ...concurrent, kind, apply, restoreSnapshot };
  return {
    ...concurrent,
    kind,
    open: async () => {
      store.load(JSON.stringify(disk));
      return { appliedIndex: disk.appliedIndex };
    },
    apply: async (entries) => {
      const results = await apply(entries);
      if (isFlushTime()) flush();
      return results;
    },
    restoreSnapshot: async (reader) => {
      await restoreSnapshot(reader);
      flush();
    },
  };
}
