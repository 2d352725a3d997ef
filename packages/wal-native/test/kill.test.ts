import { testKills } from '../../testkit/test/ladders/kill.ts';
import { NativeWalManager } from '../src/index.ts';

testKills(
  new URL('support/writer.mjs', import.meta.url),
  (directory) => new NativeWalManager(directory, { segmentBytes: 256 * 1024 }),
);
