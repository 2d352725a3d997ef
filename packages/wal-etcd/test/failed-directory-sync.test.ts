import { testFailedDirectorySync } from '../../testkit/test/ladders/failed-directory-sync.ts';
import { backEnd } from './support/back-end.ts';

testFailedDirectorySync(backEnd);
