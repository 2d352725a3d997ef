/**
 * The methods that each component of a node must have. They have an entry point of their own
 * (`@babuza/raft/part-methods`), so that code that only checks a component, or opens a log, does
 * not load the whole node.
 */
export const partMethods: Readonly<
  Record<
    'walManager' | 'snapshotManager' | 'sessionManager' | 'transport' | 'clock' | 'random',
    readonly string[]
  >
> = {
  walManager: [
    'hasExistingWal',
    'createWal',
    'findSnapshots',
    'replayWal',
    'readIdentity',
    'writeIdentity',
    'close',
  ],
  snapshotManager: [
    'open',
    'list',
    'create',
    'read',
    'verify',
    'send',
    'received',
    'receive',
    'retain',
    'remove',
    'removeAll',
    'readIdentity',
    'writeIdentity',
    'close',
  ],
  sessionManager: ['register', 'unregister', 'judge', 'record', 'encode', 'restore'],
  transport: ['start', 'setPeer', 'removePeer', 'send', 'sendSnapshot', 'close'],
  clock: ['monotonicMs', 'wallMs', 'startTimer', 'sleep'],
  random: ['uint32'],
};
