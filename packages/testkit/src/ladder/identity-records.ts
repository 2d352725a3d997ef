/**
 * Identity records beside a log or beside snapshots, on a disk that crashes or fails at every call.
 * An acknowledged record stays. An interrupted write leaves the old record or the new one, whole,
 * and never damage.
 */
import type { Environment } from '@babuza/vfs';
import { crashStates } from '../crash-states.ts';
import type { Fault } from '../fault-rules.ts';
import { SimulatedDisk } from '../simulated-disk.ts';
import {
  runWorkload,
  simulatedEnvironment,
  type SimulatedEnvironment,
} from '../simulated-environment.ts';
import { expectThat, LadderError } from './back-end.ts';

/** The owner of an identity record, opened in one world. */
export interface IdentityOwner {
  write(record: Uint8Array): Promise<void>;
  read(): Promise<Uint8Array | undefined>;
  /** Other durable work in the same directory. */
  work(step: number): Promise<void>;
  close(): Promise<void>;
}

export interface IdentityStorage {
  /** Opens the owner, and creates what is missing. */
  open(environment: Environment): Promise<IdentityOwner>;
  /** The path of the file with the record. */
  readonly file: string;
  /** Whether a failing disk may lead to this error. */
  isExpected(error: unknown): boolean;
}

/** The records that are written one after the other. Record 0 stands for no record. */
const sizes: readonly number[] = [-1, 40, 5000, 0, 700, 1, 300];

function recordAt(at: number): Uint8Array | undefined {
  const bytes = sizes[at];
  if (bytes === undefined || bytes < 0) return undefined;
  return Uint8Array.from({ length: bytes }, (_, place) => (place * 7 + at * 31) & 255);
}

/** The range of records that may be found. */
class Bounds {
  acknowledged = 0;
  attempted = 0;

  async write(owner: IdentityOwner, at: number): Promise<void> {
    this.attempted = Math.max(this.attempted, at);
    await owner.write(recordAt(at) ?? new Uint8Array(0));
    this.acknowledged = Math.max(this.acknowledged, at);
  }

  /** Checks the record that was found, and returns its number. */
  check(found: Uint8Array | undefined, context: string): number {
    const at = sizes.findIndex((bytes) => bytes === (found?.length ?? -1));
    const isWhole = found === undefined || recordAt(at)?.every((byte, i) => byte === found[i]);
    expectThat(
      at >= 0 && isWhole === true,
      `${context}: ${found?.length} bytes that were never written`,
    );
    const isAllowed = at >= this.acknowledged && at <= this.attempted;
    const range = `${this.acknowledged} to ${this.attempted}`;
    expectThat(isAllowed, `${context}: record ${at} was found, expected one of ${range}`);
    return at;
  }
}

type Attempt = <Result>(work: () => Promise<Result>) => Promise<Result | undefined>;

/**
 * Opens twice and writes records: one after the other, two at once, and with other work between
 * them. It ends where an opening fails, because nothing may rely on a creation that failed.
 */
async function openTwice(
  storage: IdentityStorage,
  environment: SimulatedEnvironment,
  bounds: Bounds,
  attempt: Attempt = (work) => work(),
): Promise<void> {
  for (const first of [1, 4]) {
    const owner = await attempt(() => storage.open(environment));
    if (owner === undefined) return;
    await attempt(() => bounds.write(owner, first));
    await attempt(() => owner.work(first));
    await Promise.all([
      attempt(() => bounds.write(owner, first + 1)),
      attempt(() => owner.work(first + 1)),
      attempt(() => bounds.write(owner, first + 2)),
    ]);
    await attempt(async () => bounds.check(await owner.read(), 'while it is open'));
    await attempt(() => owner.close());
  }
}

async function judge(
  storage: IdentityStorage,
  disk: SimulatedDisk,
  bounds: Bounds,
  context: string,
): Promise<number> {
  const environment = simulatedEnvironment(3, disk);
  const ended = await runWorkload(environment, async () => {
    const owner = await storage.open(environment).catch((cause: unknown) => {
      throw new LadderError(`${context}: the opening failed`, { cause });
    });
    const found = bounds.check(await owner.read(), context);
    await owner.close();
    return found;
  });
  if (ended.outcome !== 'finished') throw new LadderError(`${context}: the workload did not end`);
  return ended.value;
}

async function playUntil(
  storage: IdentityStorage,
  stopAt: number,
): Promise<{ disk: SimulatedDisk; bounds: Bounds } | undefined> {
  const pieceBytes = [512, 4096, 1][stopAt % 3] ?? 512;
  const disk = new SimulatedDisk({ seed: stopAt, pieceBytes, showsGarbage: stopAt % 2 === 0 });
  disk.stopAtMutation(stopAt);
  const environment = simulatedEnvironment(2, disk);
  const bounds = new Bounds();
  const { outcome } = await runWorkload(environment, () => openTwice(storage, environment, bounds));
  return outcome === 'stopped' ? { disk, bounds } : undefined;
}

/** Cuts the power, and kills the process, at every call. Returns how many states were checked. */
export async function crashAtEveryCall(storage: IdentityStorage, samples: number): Promise<number> {
  let states = 0;
  for (let stopAt = 1; ; stopAt += 1) {
    const played = await playUntil(storage, stopAt);
    if (played === undefined) return states;
    const { disk, bounds } = played;
    const killed = disk.kill(stopAt);
    // A power cut must not lose a record that an opening has read.
    const seen = await judge(storage, killed, bounds, `killed at call ${stopAt}`);
    const later = Object.assign(new Bounds(), bounds);
    later.acknowledged = Math.max(seen, bounds.acknowledged);
    await judge(
      storage,
      killed.crash(stopAt),
      later,
      `killed at call ${stopAt}, opened, then the power was cut`,
    );
    for (const { disk: left, lost } of crashStates(disk, {
      exhaustiveMax: 8,
      samples,
      seed: stopAt,
    })) {
      states += 1;
      await judge(storage, left, bounds, `power cut at call ${stopAt}, lost: ${lost}`);
    }
  }
}

/**
 * Also interrupts the opening after a crash at every call. Returns how many openings were
 * interrupted.
 */
export async function crashInTheOpening(storage: IdentityStorage, step: number): Promise<number> {
  let openings = 0;
  for (let stopAt = step; ; stopAt += step) {
    const played = await playUntil(storage, stopAt);
    if (played === undefined) return openings;
    const { disk, bounds } = played;
    for (let inOpening = 1; ; inOpening += 1) {
      const again = disk.crash(stopAt + inOpening);
      again.stopAtMutation(inOpening);
      const environment = simulatedEnvironment(4, again);
      const opening = await runWorkload(environment, () => storage.open(environment));
      if (opening.outcome === 'finished') break;
      openings += 1;
      const context = `crash at call ${stopAt}, opening stopped at call ${inOpening}`;
      await judge(storage, again.crash(inOpening), bounds, context);
      await judge(storage, again.kill(inOpening), bounds, `${context}, killed`);
    }
  }
}

/**
 * Makes each call fail, once or permanently; then the process is killed or the power is cut.
 * Returns how many calls there were.
 */
export async function failEveryCall(
  storage: IdentityStorage,
  fault: Fault,
  sticky: boolean,
): Promise<number> {
  for (let nth = 1; ; nth += 1) {
    const context = `call ${nth} fails${sticky ? ' and all later calls' : ''}`;
    const disk = new SimulatedDisk({ seed: nth });
    const rule = disk.inject({ nth, sticky, fault });
    const environment = simulatedEnvironment(2, disk);
    const bounds = new Bounds();
    const strange: unknown[] = [];
    const attempt: Attempt = (work) =>
      work().catch((error: unknown) => {
        if (!storage.isExpected(error)) strange.push(error);
        return undefined;
      });
    const ended = await runWorkload(environment, () =>
      openTwice(storage, environment, bounds, attempt),
    );
    if (rule.hits === 0) return nth - 1;
    if (ended.outcome !== 'finished') throw new LadderError(`${context}: the workload did not end`);
    if (strange.length > 0) throw new LadderError(context, { cause: strange[0] });
    expectThat(disk.openPaths.length === 0, `${context}: files are still open`);
    rule.remove();
    await judge(storage, disk.kill(nth), bounds, `${context}, then the process was killed`);
    await judge(storage, disk.crash(nth), bounds, `${context}, then the power was cut`);
  }
}

/**
 * Flips one bit in each byte of the record, and cuts the record at each length.
 * `refused` is called for each damage. Afterwards the owner works again.
 */
export async function damageEverywhere(
  storage: IdentityStorage,
  refused: (error: unknown, context: string) => void,
): Promise<number> {
  const environment = simulatedEnvironment(1);
  const disk = environment.fileSystem;
  let damages = 0;
  await runWorkload(environment, async () => {
    const owner = await storage.open(environment);
    await owner.write(Uint8Array.from({ length: 60 }, (_, at) => at));
    const whole = disk.surgery.contents(storage.file);
    const read = async (context: string): Promise<void> => {
      damages += 1;
      const outcome = await owner.read().then(
        () => undefined,
        (error: unknown) => ({ error }),
      );
      if (outcome === undefined) throw new LadderError(`${context}: the damage was not detected`);
      refused(outcome.error, context);
    };
    for (let byte = 0; byte < whole.length; byte += 1) {
      disk.surgery.flipBit(storage.file, byte * 8 + (byte % 8));
      await read(`byte ${byte}`);
      disk.surgery.flipBit(storage.file, byte * 8 + (byte % 8));
    }
    for (let length = 0; length < whole.length; length += 1) {
      disk.surgery.put(storage.file, whole.slice(0, length));
      await read(`cut to ${length} bytes`);
    }
    disk.surgery.put(storage.file, new Uint8Array([...whole, 0]));
    await read('one byte too many');
    await owner.write(Uint8Array.of(1));
    expectThat((await owner.read())?.length === 1, 'a damaged record could not be replaced');
    await owner.close();
  });
  return damages;
}
