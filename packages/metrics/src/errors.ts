/**
 * The error of this package. Match it by `code`, which is API; messages are for people and may
 * change.
 */
export class MetricsError extends Error {
  override readonly name = 'MetricsError';
  /** `METRICS_INVALID`: options that cannot be. */
  readonly code = 'METRICS_INVALID';
}
