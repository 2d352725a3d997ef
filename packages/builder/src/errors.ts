/**
 * The errors of the builder. The codes are a stable API; the messages may change, so match by
 * `code`. Errors of a back end itself (a lock, damage, …) are errors of `@babuza/wal-core` and pass
 * through unchanged.
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

/** A field of the configuration is not valid. Nothing was opened. */
export class BuilderConfigError extends BuilderError {
  override readonly name = 'BuilderConfigError';
  readonly field: string;
  /** The values that are allowed, for error messages. */
  readonly allowed: string;

  constructor(field: string, given: unknown, allowed: string) {
    super('BUILDER_CONFIG', `${field} must be ${allowed}; got ${describe(given)}`);
    this.field = field;
    this.allowed = allowed;
  }
}

/**
 * The package of the chosen component is not installed. Packages of components are optional, so
 * that users install only those that they use.
 */
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

/** The package is installed, but it cannot be loaded or does not export a back end. */
export class BackendUnusableError extends BuilderError {
  override readonly name = 'BackendUnusableError';
  readonly packageName: string;

  constructor(packageName: string, problem: string, cause?: unknown) {
    super('BUILDER_BACKEND_UNUSABLE', `the package ${packageName} ${problem}`, cause);
    this.packageName = packageName;
  }
}

/** Describes a value briefly. Strings are quoted, so that `'1'` and `1` differ. */
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
