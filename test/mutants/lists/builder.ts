import type { Mutant } from '../mutant.ts';

const chosen = 'builder/test/chosen-parts.test.ts';
const parts = 'builder/test/parts.test.ts';
const config = 'builder/test/config.test.ts';
const options = 'builder/test/options.test.ts';
const load = 'builder/test/load-package.test.ts';

/** The choice of parts. */
export const builder: readonly Mutant[] = [
  {
    name: 'snapshots in memory do not get their options',
    file: 'builder/src/babuza-component-builder.ts',
    find: 'new VolatileSnapshotManager(snapshotOptions)',
    replace: 'new VolatileSnapshotManager()',
    caughtBy: [chosen, 'hands options to snapshots in memory'],
  },
  {
    name: 'a transport does not get the logger',
    file: 'builder/src/babuza-component-builder.ts',
    find: '{ clusterId, nodeId, ...world, logger }',
    replace: '{ clusterId, nodeId, ...world }',
    caughtBy: [chosen, 'hands the logger to a transport'],
  },
  {
    name: 'a transport stays open when the log does not open',
    file: 'builder/src/babuza-component-builder.ts',
    find: '      if (transport !== this.#config.transportType) await transport?.close();\n',
    replace: '',
    caughtBy: [options, 'leaves no transport behind'],
  },
  {
    name: 'a transport that was handed in is closed when the log does not open',
    file: 'builder/src/babuza-component-builder.ts',
    find: 'if (transport !== this.#config.transportType) await',
    replace: 'await',
    caughtBy: [options, 'leaves no transport behind'],
  },
  {
    name: 'a simulated node has a transport on the clock of the machine',
    file: 'builder/src/babuza-component-builder.ts',
    find: 'await this.#transport({ clock, random })',
    replace: 'await this.#transport(world)',
    caughtBy: [parts, 'a kind of transport is made for the node'],
  },
  {
    name: 'the session type expire does not make sessions that expire',
    file: 'builder/src/babuza-component-builder.ts',
    find: 'if (sessionType === ExpireSession) return',
    replace: 'if (sessionType === LruSession) return',
    caughtBy: [parts, 'lru by default; expire; noop'],
  },
  {
    name: 'the log stays open when the snapshots fail to close',
    file: 'builder/src/babuza-component.ts',
    find: '      try {\n        await this.snapshotManager.close();\n      } finally {\n        await this.walManager.close();\n      }',
    replace: '      await this.snapshotManager.close();\n      await this.walManager.close();',
    caughtBy: [chosen, 'where the snapshots of them fails'],
  },
  {
    name: 'the log is closed before the parts that use it',
    file: 'builder/src/babuza-component.ts',
    find: '      await this.#transport?.close();\n    } finally {',
    replace:
      '      await this.walManager.close();\n      await this.#transport?.close();\n    } finally {',
    caughtBy: [chosen, 'where none of them fails'],
  },
  {
    name: 'a second call closes the parts again',
    file: 'builder/src/babuza-component.ts',
    find: 'this.#closing ??= this.#close();',
    replace: 'this.#closing = this.#close();',
    caughtBy: [chosen, 'where none of them fails'],
  },
  {
    name: 'the snapshots are never closed',
    file: 'builder/src/babuza-component.ts',
    find: '        await this.snapshotManager.close();\n',
    replace: '',
    caughtBy: [chosen, 'where none of them fails'],
  },
  {
    name: 'a node of cluster 0 cannot be built',
    file: 'builder/src/config.ts',
    find: "idOf('clusterId', fields.clusterId, 0)",
    replace: "idOf('clusterId', fields.clusterId, 1)",
    caughtBy: [chosen, 'may be of cluster 0'],
  },
  {
    name: 'a node has the id 0, which means that there is no node',
    file: 'builder/src/config.ts',
    find: "idOf('nodeId', nodeId, 1)",
    replace: "idOf('nodeId', nodeId, 0)",
    caughtBy: [config, 'nodeId: 0'],
  },
  {
    name: 'the directory of a node follows the process',
    file: 'builder/src/config.ts',
    find: 'storageRootDir: resolve(storageRootDir),',
    replace: 'storageRootDir,',
    caughtBy: [chosen, 'keeps its directory'],
  },
  {
    name: 'a transport of another type is taken',
    file: 'builder/src/load-package.ts',
    find: 'if (isTransportBackend(backend) && backend.types.includes(type)) return',
    replace: 'if (isTransportBackend(backend)) return',
    caughtBy: [chosen, 'another type is refused'],
  },
  {
    name: 'a transport with an empty type is taken',
    file: 'builder/src/load-package.ts',
    find: " && type !== '')",
    replace: ')',
    caughtBy: [chosen, 'an empty type is refused'],
  },
  {
    name: 'a package that is broken counts as not installed',
    file: 'builder/src/load-package.ts',
    find: 'if (!isInstalled(packageName, loader)) {',
    replace:
      "if (!isInstalled(packageName, loader) || propertyOf(error, 'code') === 'ERR_MODULE_NOT_FOUND') {",
    caughtBy: [load, 'imports something that is not installed'],
  },
  {
    name: 'a misspelt field counts as left out',
    file: 'builder/src/fields.ts',
    find: '    throw new BuilderConfigError(field, given,',
    replace: '    if (given === field) throw new BuilderConfigError(field, given,',
    caughtBy: [config, 'is refused, not ignored'],
  },
];
