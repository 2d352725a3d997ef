/**
 * The error of this package. Match it by `code`, which is API. The messages are for people and may
 * change.
 */
export class MetricsError extends Error {
  override readonly name = 'MetricsError';
  /** `METRICS_INVALID`: an option is wrong. */
  readonly code = 'METRICS_INVALID';
}
