/**
 * Reads the fields of a configuration: each known field once, whether it is an own or an inherited
 * property. Unknown fields are refused.
 */
import type { BuilderConfig } from './builder-config.ts';
import { BuilderConfigError } from './errors.ts';

/** @throws BuilderConfigError (`BUILDER_CONFIG`) for a field that is unknown or cannot be read. */
export function fieldsOf<WalOptions extends object, TransportOptions extends object>(
  config: BuilderConfig<WalOptions, TransportOptions>,
): BuilderConfig<WalOptions, TransportOptions> {
  type Config = BuilderConfig<WalOptions, TransportOptions>;
  const read = <Field extends keyof Config>(field: Field): Config[Field] =>
    orRefused(field, () => config[field]);
  const fields: Required<Config> = {
    clusterId: read('clusterId'),
    nodeId: read('nodeId'),
    storageRootDir: read('storageRootDir'),
    walType: read('walType'),
    walOptions: read('walOptions'),
    transportType: read('transportType'),
    transportOptions: read('transportOptions'),
    snapshotType: read('snapshotType'),
    snapshotOptions: read('snapshotOptions'),
    sessionType: read('sessionType'),
    sessionOptions: read('sessionOptions'),
    metricType: read('metricType'),
    metricOptions: read('metricOptions'),
    logger: read('logger'),
    clock: read('clock'),
    random: read('random'),
  };
  for (const field of Object.keys(config)) {
    if (Object.hasOwn(fields, field)) continue;
    const given: unknown = orRefused(field, () => Reflect.get(config, field));
    const known = Object.keys(fields).join(', ');
    throw new BuilderConfigError(field, given, `left out; the known fields are ${known}`);
  }
  return fields;
}

function orRefused<Value>(field: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    throw new BuilderConfigError(field, String(error), 'a field that can be read');
  }
}
