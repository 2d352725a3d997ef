/** Mistakes with directories: lost, put back, exchanged, put together from two members. */
import type { BootstrapOptions } from '@babuza/raft';
import type { Copy, Seat } from './cluster.ts';
import { noFiles, type Files, type Folder } from './directories.ts';
import type { Operators } from './operators.ts';

/**
 * One mistake with one member and its repair. It does nothing if the mistake is not possible now.
 */
export type Mistake = (operators: Operators, seat: Seat) => Promise<void>;

const folders = ['/data/', '/data/', '/data/wal/', '/data/snap/'] as const;

/** The volume of a member was not mounted, or was lost. */
export const wipe: Mistake = async (operators, seat) => {
  const { cluster, random, world } = operators;
  const match = operators.knownMatch(seat);
  const leadership = cluster.leadership();
  const right = await stopped(operators, seat);
  const folder = random.pick(folders);
  const mode = random.pick(['peers', 'peers', 'join', 'existing'] as const);
  world.log(`${folder} of member ${seat.id} is wiped, it starts as ${mode}`);
  cluster.damaged(seat);
  operators.putFiles(seat, noFiles, folder);
  const sinceMs = world.clock.monotonicMs();
  const options: BootstrapOptions = mode === 'existing' ? { bootstrap: 'existing' } : {};
  if (mode === 'join') await cluster.tryJoin(seat);
  else await cluster.tryStart(seat, { options });
  const isPartOnly = folder !== '/data/' && right.size > 0 && seat.lastIndex > 0;
  await operators.noticed(`wipe ${folder} ${mode}`, seat.id, sinceMs, () => {
    if (isPartOnly || mode === 'existing') return true;
    return match !== undefined && leadership === cluster.leadership();
  });
  await mend(operators, seat, right, sinceMs);
};

/** An older copy of the directory, or of a part of it, is put in the place of the newest one. */
export const putOldBack: Mistake = async (operators, seat) => {
  const { cluster, random, world } = operators;
  const old = await olderCopy(operators, seat);
  const match = operators.knownMatch(seat);
  const leadership = cluster.leadership();
  const right = await stopped(operators, seat);
  // If no other member can notice it, only parts that do not fit together can be detected.
  const isAlone = cluster.voters().length === 1;
  const folder = isAlone ? '/data/wal/' : random.pick(folders);
  const { starts } = seat;
  world.log(
    `${folder} of member ${seat.id} is put back from start ${old.starts} of ${starts}, last index ${old.lastIndex}`,
  );
  // The snapshot directory records later starts and the last orderly shutdown.
  const isToldBySnapshots =
    folder === '/data/wal/' &&
    (old.starts < starts || (old.starts > 0 && old.lastIndex < seat.orderlyIndex));
  cluster.damaged(seat);
  operators.putFiles(seat, old.files, folder);
  const sinceMs = world.clock.monotonicMs();
  await cluster.tryStart(seat);
  const isOlder = old.starts < starts || old.lastIndex < (match ?? 0);
  const isDue = (): boolean => {
    if (folder === '/data/snap/') return false;
    if (isToldBySnapshots) return true;
    return match !== undefined && leadership === cluster.leadership() && isOlder;
  };
  await operators.noticed(`put back ${folder}`, seat.id, sinceMs, isDue);
  await mend(operators, seat, right, sinceMs);
};

/** One that was made some time ago, or one that is made now, before a few more starts. */
async function olderCopy(operators: Operators, seat: Seat): Promise<Copy> {
  const { cluster, random, world } = operators;
  const copy = seat.copies[random.below(seat.copies.length)];
  if (copy !== undefined && random.chance(0.3)) return copy;
  const made = operators.copyOf(seat);
  for (let starts = random.below(4); starts > 0; starts -= 1) {
    await cluster.stop(seat);
    await cluster.start(seat);
    await world.sleep(random.pick([300, 1800]));
  }
  await world.sleep(random.below(1800));
  return made;
}

/** Two members get each other's directories, or one gets the snapshots of the other. */
export const exchange: Mistake = async (operators, seat) => {
  const { cluster, random, world } = operators;
  const other = operators.another(seat);
  if (other === undefined) return;
  other.isBusy = true;
  const right = await stopped(operators, seat);
  const rightOther = await stopped(operators, other);
  const folder: Folder = random.pick(['/data/', '/data/', '/data/snap/', '/data/wal/']);
  world.log(`members ${seat.id} and ${other.id} exchange ${folder}`);
  operators.putFiles(seat, rightOther, folder);
  operators.putFiles(other, right, folder);
  const sinceMs = world.clock.monotonicMs();
  for (const each of [seat, other]) await cluster.tryStart(each);
  const isDue = (): boolean => seat.lastIndex > 0 && other.lastIndex > 0;
  for (const each of [seat, other]) {
    await operators.noticed(`exchange ${folder}`, each.id, sinceMs, isDue);
  }
  for (const each of [seat, other]) await cluster.stop(each);
  operators.putFiles(seat, right);
  operators.putFiles(other, rightOther);
  for (const each of [seat, other]) await cluster.start(each);
  other.isBusy = false;
};

/** Stops a member and returns its directory. */
export async function stopped(operators: Operators, seat: Seat): Promise<Files> {
  const { cluster, world, random } = operators;
  await cluster.stop(seat);
  await world.sleep(random.below(600));
  return operators.filesOf(seat);
}

/**
 * Repairs a reported mistake: the newest directory is put back, or the member is replaced. If
 * nothing was reported, the member continues with its current directory.
 */
export async function mend(
  operators: Operators,
  seat: Seat,
  right: Files,
  sinceMs: number,
): Promise<void> {
  const { cluster, world, random } = operators;
  const upTo = seat.lastIndex;
  const others = (): Seat[] =>
    cluster.voters().filter((each) => each !== seat && each.isIntact && !each.isGone);
  while (others().length > 0 && !operators.isReported(seat.id, sinceMs) && !cluster.isSplit) {
    const appliedIndex = cluster.processOf(seat)?.raft.status().appliedIndex ?? 0;
    if (appliedIndex >= upTo && cluster.leader() !== undefined) {
      goesOn(operators, seat);
      return;
    }
    await world.sleep(200);
  }
  const hasQuorum = 2 * others().length > cluster.voters().length;
  const wrong = cluster.processOf(seat);
  const wrongLastIndex = wrong?.raft.status().lastIndex ?? 0;
  // Without delay, because the process may acknowledge more until it has ended.
  if (wrong !== undefined) world.crash(wrong, 'kill');
  // Entries that the wrong directory has acknowledged meanwhile are missing from the right one. The
  // right one has everything that its member had applied; later entries may have been lost in a
  // power cut.
  const sure = hasQuorum ? seat.heldIndex : upTo;
  const wentOn = wrongLastIndex > sure;
  if (hasQuorum && (wentOn || random.chance(0.4))) await operators.replace(seat);
  else if (wentOn && others().length > 0) await goOnAgain(operators, seat);
  else await operators.putBack(seat, right);
}

/** Started once more, it is admitted by those that have refused it as a copy. */
async function goOnAgain(operators: Operators, seat: Seat): Promise<void> {
  const { cluster } = operators;
  await cluster.stop(seat);
  await cluster.start(seat);
  goesOn(operators, seat);
}

function goesOn({ cluster }: Operators, seat: Seat): void {
  cluster.damaged(seat);
  const status = cluster.processOf(seat)?.raft.status();
  seat.heldIndex = status?.appliedIndex ?? 0;
  seat.lastIndex = status?.lastIndex ?? 0;
  seat.isIntact = true;
}
