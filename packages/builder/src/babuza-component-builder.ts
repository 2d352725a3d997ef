/**
 * The one place where parts are chosen and wired. A part is chosen by name, its package is loaded when
 * it is needed, and none that was not chosen is touched. The configuration is checked when the builder is
 * made; what only loading and opening can tell rejects `build`.
 */
import { join } from 'node:path';
import type { WalBackend, WalManager } from '@babuza/wal-core';
import { BabuzaComponent } from './babuza-component.ts';
import { checkedConfig, type BuilderConfig, type CheckedConfig } from './config.ts';
import { BuilderConfigError } from './errors.ts';
import { loadBackend } from './load-backend.ts';
import { knownTypes, lineOf, walRegistry } from './registry.ts';

/** Below `storageRootDir`. */
const walFolder = 'wal';

export class BabuzaComponentBuilder<WalOptions extends object = object> {
  readonly #config: CheckedConfig<WalOptions>;

  /** Throws `BuilderConfigError`, code `BUILDER_CONFIG`. */
  constructor(config: BuilderConfig<WalOptions>) {
    this.#config = checkedConfig(config);
  }

  /**
   * Loads the chosen parts and opens them. Every call opens them anew; a directory has one owner at a
   * time.
   *
   * Rejects with `BUILDER_NOT_INSTALLED`, `BUILDER_BACKEND_UNUSABLE`, or with what the part refuses.
   */
  async build(): Promise<BabuzaComponent> {
    return new BabuzaComponent(this.#config, await this.#openWal());
  }

  async #openWal(): Promise<WalManager> {
    const { walType, walOptions, storageRootDir } = this.#config;
    const backend = typeof walType === 'string' ? await this.#loadWal(walType) : walType;
    return backend.open(join(storageRootDir, walFolder), walOptions);
  }

  async #loadWal(walType: string): Promise<WalBackend> {
    const line = lineOf(walRegistry, walType);
    if (line === undefined) {
      throw new BuilderConfigError('walType', walType, `one of ${knownTypes(walRegistry)}`);
    }
    const { types, packageName } = line;
    const backend = await loadBackend(walType, packageName);
    const [canonical] = types;
    if (walType !== canonical) {
      this.#config.logger?.info(`walType '${walType}' is a synonym of '${canonical}' here`, {
        walType,
        canonical,
        packageName,
      });
    }
    return backend;
  }
}
