/** The native log as a back end for the test harnesses of testkit. */
import type { Environment } from '@babuza/vfs';
import type { BackEnd } from '@babuza/testkit/ladder';
import { NativeWalManager, walBackend, type NativeWalOptions } from '../../src/index.ts';

export { Author, metadata, openLog, perform } from '@babuza/testkit/ladder';

export const directory = '/node/wal';

export function openManager(
  environment: Environment,
  options: NativeWalOptions = {},
): NativeWalManager {
  return new NativeWalManager(directory, { segmentBytes: 16 * 1024, ...options, environment });
}

export const backEnd: BackEnd<NativeWalOptions> = {
  name: 'wal-native',
  capabilities: walBackend.capabilities,
  directory,
  open: openManager,
};
