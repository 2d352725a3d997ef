/**
 * LevelDB comes as a binary inside of classic-level. It is an optional dependency and is loaded when a log
 * is opened, so that neither installing nor importing this package ever needs a compiler, and a platform
 * for which no binary is shipped gets an error that says so.
 */
import type * as ClassicLevelModule from 'classic-level';
import { UnsupportedPlatformError } from '@babuza/wal-core';

/** The class, as it was loaded. */
export type ClassicLevelClass = typeof ClassicLevelModule.ClassicLevel;

/** For what classic-level 3.0.0 ships a binary: the folder `prebuilds` of its package. */
const shippedFor =
  'Linux on x64 (glibc and musl), arm64 and arm, macOS on x64 and arm64, Windows on x64 and ia32, Android on arm64 and arm';

/** Throws `UnsupportedPlatformError`. */
export async function loadClassicLevel(): Promise<ClassicLevelClass> {
  try {
    const { ClassicLevel } = await import('classic-level');
    return ClassicLevel;
  } catch (error) {
    throw new UnsupportedPlatformError(
      `LevelDB cannot be loaded on ${process.platform} ${process.arch}: classic-level ships binaries for ${shippedFor}. ` +
        `Use the log 'babuza-wal' (@babuza/wal-native), which needs none, or build classic-level from source. The cause: ${messageOf(error)}`,
      error,
    );
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
