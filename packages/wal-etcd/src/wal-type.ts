/** The name of this WAL type in configurations. */
export const ETCDWal = 'etcd-wal';
