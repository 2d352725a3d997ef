/**
 * Loads LevelDB, which is a binary inside classic-level. classic-level is an optional dependency
 * that is loaded when a log is opened. So installing and importing this package never needs a
 * compiler, and an error says why LevelDB cannot be loaded.
 */
import type * as ClassicLevelModule from 'classic-level';
import { nodeEnvironment } from '@babuza/vfs';
import { whyNotLoaded, type LoadingWorld } from './why-not-loaded.ts';

/** The type of the class that is loaded. */
export type ClassicLevelClass = typeof ClassicLevelModule.ClassicLevel;

/** Rejects with `UnsupportedPlatformError` (`WAL_UNSUPPORTED`). */
export async function loadClassicLevel(): Promise<ClassicLevelClass> {
  try {
    const { ClassicLevel } = await import('classic-level');
    return ClassicLevel;
  } catch (error) {
    throw await whyNotLoaded(error, nodeWorld);
  }
}

const nodeWorld: LoadingWorld = {
  platform: process.platform,
  arch: process.arch,
  mayRead: (path) => process.permission?.has('fs.read', path) ?? true,
  namesIn: async (directory) => {
    const entries = await nodeEnvironment()
      .fileSystem.list(directory)
      .catch(() => []);
    return entries.map(({ name }) => name);
  },
};
