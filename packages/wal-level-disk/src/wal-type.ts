/** The name of this WAL type in configurations. */
export const LevelWalDisk = 'level-wal';

/** A name of the original design, accepted for configurations that were written for it. */
export const BadgerWalDisk = 'badger-wal';

/** A name of the original design, accepted for configurations that were written for it. */
export const PebbleWalDisk = 'pebble-wal';
