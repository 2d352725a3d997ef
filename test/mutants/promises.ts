/**
 * The promises of docs/DURABILITY.md, one sentence each. A planted error names the promise that it
 * breaks, and the table of docs/TESTING.md says which tests fail then.
 */
export const promises = {
  'killed process': 'An acknowledged save is there, whole, after the process was killed.',
  'power cut': 'An acknowledged save is there, whole, after a power cut.',
  'unacknowledged save':
    'A save that was not acknowledged is there whole or not at all; in the format of etcd its first records may be there.',
  'full disk':
    'On a full disk nothing of the batch is in the log, and it can be saved again later.',
  shortage:
    'A shortage at a call that stores nothing leaves nothing of the batch in the log, and it can be saved again later.',
  'owed sync':
    'A sync of the directory that is owed after a rename is made before anything else is written.',
  'failed write':
    'After a failed write or sync the log takes no writes, acknowledges nothing, and stays readable.',
  'failed read': 'A failed read is reported as such, and never as a missing entry.',
  damage: 'Damage to sealed or marked data is `WAL_CORRUPT`, and nothing is cut.',
  'interrupted write': 'A write that was interrupted is cut, and its end is reported.',
  'kind of log': 'A directory with a log of another kind is refused, and nothing is changed.',
  'one owner': 'A directory that another process owns is refused with `WAL_LOCKED`.',
  'lost lock': 'An owner that has lost its lock writes and acknowledges nothing.',
  'new segment':
    'Nothing is acknowledged in a segment before its content and its name are durable.',
  purge: 'A purge keeps all that a later start needs, whichever of its steps a crash interrupts.',
  recovery: 'What recovery has read is durable before anything is built on it.',
  'first start': 'A first start that a crash interrupts is repeated, and loses nothing.',
  identity: 'Data, logs and members that do not belong together are refused and reported.',
  'identity record': 'After a crash the identity record is the old one or the new one, whole.',
  'created snapshot': 'A snapshot that was acknowledged is there, whole, after any crash.',
  'received snapshot':
    'A snapshot that is received is checked, and resumed from what is durable after an interruption.',
  'removed snapshot':
    'A snapshot that is removed is there whole or not at all, and those that are needed stay.',
  'damaged snapshot':
    'A damaged snapshot is never installed, and a disk that would not read is not taken for damage.',
  'dependent messages': 'No vote and no acknowledgment leaves before what it says is durable.',
  'hanging disk':
    'While a write hangs nothing that depends on it is said, and a leader gives leadership away.',
} as const satisfies Readonly<Record<string, string>>;

export type PromiseId = keyof typeof promises;
