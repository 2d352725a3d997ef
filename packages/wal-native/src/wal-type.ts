/** The name of this WAL type in configurations. */
export const BabuzaWal = 'babuza-wal';
