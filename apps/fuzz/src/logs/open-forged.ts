/**
 * Opens a forged log on a simulated disk and checks what must hold: it is refused with a documented
 * code and its files stay as they were, or it opens with a consistent log that opens again as the
 * same one.
 */
import { runWorkload, SimulatedDisk, simulatedEnvironment } from '@babuza/testkit';
import type { Environment } from '@babuza/vfs';
import type { OpenedWal, WalManager } from '@babuza/wal-core';
import { Finding, refusal, type Decoder, type Outcome } from '../decoder.ts';
import { sameValue } from '../same-value.ts';
import { forgeryOf, inputOf, itemAt, type Edit, type LogFiles } from './edits.ts';

/** The parts that differ between the log formats. */
export interface LogKind {
  readonly name: string;
  readonly covers: readonly string[];
  readonly logs: readonly LogFiles[];
  readonly open: (environment: Environment) => WalManager;
  /** Makes the edits in place; with `isSealed`, the checksums are right afterwards. */
  readonly forge: (files: LogFiles, edits: readonly Edit[], isSealed: boolean) => void;
  /** How many kinds of edits there are. */
  readonly editKinds: number;
}

export const directory = '/node/wal';
/** The errors that opening a log with wrong files may reject with. */
const documented = [
  'WAL_CORRUPT',
  'WAL_FOREIGN',
  'WAL_VERSION',
  'WAL_NOT_FOUND',
  'WAL_UNSUPPORTED',
];

export function filesOf(disk: SimulatedDisk): LogFiles {
  const files: LogFiles = new Map();
  for (const path of disk.surgery.files()) {
    const name = path.slice(directory.length + 1);
    if (name !== 'LOCK') files.set(name, disk.surgery.contents(path));
  }
  return files;
}

function diskWith(files: LogFiles): SimulatedDisk {
  const disk = new SimulatedDisk({ seed: 1 });
  disk.surgery.makeDirectory(directory);
  for (const [name, bytes] of files) disk.surgery.put(`${directory}/${name}`, bytes);
  return disk;
}

export function logDecoder(kind: LogKind): Decoder {
  const samples = kind.logs.flatMap((_, log) => [
    inputOf(log),
    ...Array.from({ length: kind.editKinds }, (_, edit) =>
      inputOf(log, [{ kind: edit, file: log, where: 3 + edit, field: edit, value: 161, more: 5 }]),
    ),
  ]);
  return {
    name: kind.name,
    covers: kind.covers,
    form: 'bytes',
    samples,
    run: (input) => openForged(kind, input),
    allocatedBytesMax: 64 * 1024 * 1024,
    durationMsMax: 5000,
  };
}

async function openForged(kind: LogKind, input: Uint8Array): Promise<Outcome> {
  const { log, isSealed, edits } = forgeryOf(input);
  const files: LogFiles = new Map();
  for (const [name, bytes] of itemAt(kind.logs, log) ?? []) files.set(name, bytes.slice());
  kind.forge(files, edits, isSealed);
  const disk = diskWith(files);
  const environment = simulatedEnvironment(1, disk);
  const before = filesOf(disk);
  const first = await open(kind, environment);
  if (first instanceof Error) {
    if (!sameValue(before, filesOf(disk))) {
      throw new Finding(`it is refused, and its files have changed: ${first.message}`);
    }
    return refusal(first, documented);
  }
  const second = await open(kind, environment);
  if (second instanceof Error) {
    throw new Finding(`a log that has opened does not open again: ${second.message}`);
  }
  const { tail: _, ...content } = first;
  const { tail: again, ...contentAgain } = second;
  if (!sameValue(content, contentAgain)) {
    throw new Finding('a log that has opened is another one when it opens again');
  }
  if (again !== 'clean') throw new Finding(`the tail is ${again} when the log opens again`);
  return { kind: 'value', value: first };
}

interface Content {
  readonly tail: string;
  readonly entries: readonly unknown[];
  readonly [other: string]: unknown;
}

/** The content, or the error that the opening was refused with. */
async function open(
  kind: LogKind,
  environment: ReturnType<typeof simulatedEnvironment>,
): Promise<Content | Error> {
  const run = await runWorkload(environment, async () => {
    const manager = kind.open(environment);
    try {
      const opened = await manager.replayWal();
      return contentOf(opened);
    } catch (error) {
      if (error instanceof Error && !(error instanceof Finding)) return error;
      throw error;
    } finally {
      await manager.close();
    }
  });
  if (run.outcome === 'stopped') throw new Finding('the simulated disk has stopped');
  return run.value;
}

/** Throws where the log contradicts itself. */
function contentOf({ storage, hardState, snapshots, tail, metadata }: OpenedWal): Content {
  const first = storage.firstIndex();
  const last = storage.lastIndex();
  if (last < first - 1) throw new Finding(`the log goes from ${first} to ${last}`);
  if (hardState.commit > last) {
    throw new Finding(`index ${hardState.commit} is committed in a log that ends at ${last}`);
  }
  const entries = last < first ? [] : storage.entries(first, last + 1, Number.MAX_SAFE_INTEGER);
  let term = storage.term(first - 1);
  if (entries.length !== last - first + 1) {
    throw new Finding(`${entries.length} entries are read of ${first} to ${last}`);
  }
  for (const [at, entry] of entries.entries()) {
    if (entry.index !== first + at)
      throw new Finding(`entry ${first + at} has index ${entry.index}`);
    if (entry.term < term) throw new Finding(`the term goes back at entry ${entry.index}`);
    if (entry.term !== storage.term(entry.index)) {
      throw new Finding(`entry ${entry.index} has another term than the index of the log says`);
    }
    term = entry.term;
  }
  return { tail: tail.verdict, first, last, entries, hardState, snapshots, metadata };
}
