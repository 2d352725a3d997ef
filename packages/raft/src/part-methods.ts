/**
 * The methods of each part of a component, for whoever checks a part before it gets to a node. A
 * door of its own (`@babuza/raft/part-methods`): who only looks at parts, or opens a log, does not
 * load a whole node for it.
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
