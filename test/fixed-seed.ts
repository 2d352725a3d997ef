/**
 * Property tests run from a fixed seed, as everything random here does: a test that fails by chance
 * in somebody else's change helps nobody. `BABUZA_SEED` gives another one. A setup file of
 * vitest's, run before each test file.
 */
import * as fc from 'fast-check';

fc.configureGlobal({ seed: Number(process.env['BABUZA_SEED'] ?? 1) });
