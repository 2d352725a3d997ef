import { testFailedDirectorySync } from '../../testkit/test/ladders/failed-directory-sync.ts';
import { backEnd } from './support/workload.ts';

testFailedDirectorySync(backEnd);
