import { testNoFsync } from '../../testkit/test/ladders/no-fsync.ts';
import { backEnd } from './support/workload.ts';

testNoFsync(backEnd);
