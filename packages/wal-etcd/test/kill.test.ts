import { testKills } from '../../testkit/test/ladders/kill.ts';
import { EtcdWalManager } from '../src/index.ts';

testKills(
  new URL('support/writer.mjs', import.meta.url),
  (directory) => new EtcdWalManager(directory, { segmentBytes: 256 * 1024 }),
);
