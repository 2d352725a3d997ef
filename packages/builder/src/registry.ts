/**
 * The parts that can be chosen by name: one line per back end. The first name of a line is the
 * canonical one, the others are documented synonyms. A new back end is one more line here.
 */

/** The native log; recommended. */
export const BabuzaWal = 'babuza-wal';
/** etcd's own format, byte for byte. */
export const ETCDWal = 'etcd-wal';
/** LevelDB on disk. */
export const LevelWalDisk = 'level-wal';
/** LevelDB's interface in memory: for tests, loses all on exit. */
export const LevelWalMemory = 'level-wal-memory';
/** A name of the original design: here a synonym of `LevelWalDisk`. */
export const BadgerWalDisk = 'badger-wal';
/** A name of the original design: here a synonym of `LevelWalDisk`. */
export const PebbleWalDisk = 'pebble-wal';
/** A name of the original design: here a synonym of `LevelWalMemory`. */
export const BadgerWalMemory = 'badger-wal-memory';
/** A name of the original design: here a synonym of `LevelWalMemory`. */
export const PebbleWalMemory = 'pebble-wal-memory';

/** A part that can be chosen, and the package that it is in. */
export interface RegistryLine {
  readonly types: readonly [string, ...string[]];
  readonly packageName: string;
}

/** The logs. */
export const walRegistry: readonly RegistryLine[] = [
  { types: [BabuzaWal], packageName: '@babuza/wal-native' },
  { types: [ETCDWal], packageName: '@babuza/wal-etcd' },
  { types: [LevelWalDisk, BadgerWalDisk, PebbleWalDisk], packageName: '@babuza/wal-level-disk' },
  { types: [LevelWalMemory, BadgerWalMemory, PebbleWalMemory], packageName: '@babuza/wal-memory' },
];

/** The line that knows the name. */
export function lineOf(registry: readonly RegistryLine[], type: string): RegistryLine | undefined {
  return registry.find(({ types }) => types.includes(type));
}

/** All names, for people. */
export function knownTypes(registry: readonly RegistryLine[]): string {
  return registry.flatMap(({ types }) => types.map((type) => `'${type}'`)).join(', ');
}
