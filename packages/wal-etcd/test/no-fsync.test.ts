import { testNoFsync } from '../../testkit/test/ladders/no-fsync.ts';
import { backEnd } from './support/back-end.ts';

testNoFsync(backEnd);
