/**
 * The errors of the builder. The codes are API and never change their meaning; the messages are for
 * people and may. Match by `code`. What a back end itself refuses (a lock, damage, …) is an error
 * of `@babuza/wal-core` and passes through unchanged.
 */

export type BuilderErrorCode =
  | 'BUILDER_CONFIG'
  | 'BUILDER_NOT_INSTALLED'
  | 'BUILDER_BACKEND_UNUSABLE';

/** The base of all errors of the builder. */
export class BuilderError extends Error {
  override readonly name: string = 'BuilderError';
  readonly code: BuilderErrorCode;

  constructor(code: BuilderErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** A field of the configuration that cannot be. Nothing was opened. */
export class BuilderConfigError extends BuilderError {
  override readonly name = 'BuilderConfigError';
  readonly field: string;
  /** What the field may be, for people. */
  readonly allowed: string;

  constructor(field: string, given: unknown, allowed: string) {
    super('BUILDER_CONFIG', `${field} must be ${allowed}; got ${describe(given)}`);
    this.field = field;
    this.allowed = allowed;
  }
}

/** The package of the chosen part is not installed: nobody installs a part that they do not use. */
export class BackendNotInstalledError extends BuilderError {
  override readonly name = 'BackendNotInstalledError';
  readonly packageName: string;

  constructor(type: string, packageName: string, cause: unknown) {
    super(
      'BUILDER_NOT_INSTALLED',
      `${type} needs the package ${packageName}, which is not installed: npm install ${packageName}`,
      cause,
    );
    this.packageName = packageName;
  }
}

/** The package is installed, but failed to load, or does not present a back end. */
export class BackendUnusableError extends BuilderError {
  override readonly name = 'BackendUnusableError';
  readonly packageName: string;

  constructor(packageName: string, problem: string, cause?: unknown) {
    super('BUILDER_BACKEND_UNUSABLE', `the package ${packageName} ${problem}`, cause);
    this.packageName = packageName;
  }
}

/** A value in few words; strings in quotes, so that `'1'` and `1` differ. */
function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `'${value}'`;
    case 'object':
      return value === null ? 'null' : Array.isArray(value) ? 'an array' : 'an object';
    case 'function':
      return 'a function';
    default:
      return String(value);
  }
}
