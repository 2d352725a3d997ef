import type { Mutant } from '../mutant.ts';

export const walEtcd: readonly Mutant[] = [
  // Sizes and shapes of saves.
  {
    name: 'a recovery writes one mebibyte again and not four',
    file: 'wal-etcd/src/recovery/append-point.ts',
    find: 'end - bytesBetweenSyncsMax)',
    replace: 'end - bytesBetweenSyncsMax / 4)',
    caughtBy: ['wal-etcd/test/sizes.test.ts', '4194304 bytes, of which a sync fails'],
  },
];
