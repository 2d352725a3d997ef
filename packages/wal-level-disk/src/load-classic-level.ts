/**
 * LevelDB comes as a binary inside of classic-level. It is an optional dependency and is loaded
 * when a log is opened, so that neither installing nor importing this package ever needs a
 * compiler, and where it cannot be loaded an error says why.
 */
import type * as ClassicLevelModule from 'classic-level';
import { nodeEnvironment } from '@babuza/vfs';
import { whyNotLoaded, type LoadingWorld } from './why-not-loaded.ts';

/** The class, as it was loaded. */
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
