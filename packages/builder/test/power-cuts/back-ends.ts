/** The durable back ends with small files, so that the files change often. */
import { walBackend as etcd } from '@babuza/wal-etcd';
import { repair } from '@babuza/wal-etcd/format';
import { walBackend as native } from '@babuza/wal-native';
import {
  levelBackEnd,
  type TestedBackEnd,
} from '../../../wal-level-disk/test/support/checked-writer.ts';
import type { NameRule } from './lossy-disk.ts';

export interface CutBackEnd extends TestedBackEnd {
  readonly name: string;
  readonly names: NameRule;
  /**
   * For a format that cannot tell every crash from damage: runs its documented repair tool on a
   * refused log. Resolves to whether the log can then be opened.
   */
  readonly repair?: (directory: string) => Promise<boolean>;
}

const segmentBytes = 256 * 1024;

export const backEnds: readonly CutBackEnd[] = [
  {
    name: 'babuza-wal',
    names: 'names-by-directory',
    module: new URL('../../../wal-native/dist/index.js', import.meta.url),
    options: { segmentBytes },
    capabilities: native.capabilities,
    open: async (directory) => native.open(directory, { segmentBytes }),
  },
  {
    name: 'etcd-wal',
    names: 'names-by-directory',
    module: new URL('../../../wal-etcd/dist/index.js', import.meta.url),
    options: { segmentBytes },
    capabilities: etcd.capabilities,
    open: async (directory) => etcd.open(directory, { segmentBytes }),
    repair: (directory) => repair(directory),
  },
  // LevelDB does not sync the directory when it begins a log file, and removes old files before the
  // names of their replacements are durable. It needs a file system that keeps changes of names in
  // order.
  { name: 'level-wal', names: 'names-in-order', ...levelBackEnd },
];
