/** Loads the collector for Prometheus, which needs a package that nobody else has to install. */
import { MetricsError, type MetricsCollector } from '@babuza/metrics';
import type { PrometheusOptions } from '@babuza/metrics/prometheus';
import { BackendNotInstalledError, BackendUnusableError } from './errors.ts';
import { PrometheusMetrics } from './registry.ts';

/** Throws `BackendNotInstalledError`, `BackendUnusableError` or `MetricsError`. */
export async function loadPrometheus(options?: PrometheusOptions): Promise<MetricsCollector> {
  try {
    const { PrometheusCollector } = await import('@babuza/metrics/prometheus');
    return new PrometheusCollector(options);
  } catch (error) {
    // The package is fine, the options are not: it says so better.
    if (error instanceof MetricsError) throw error;
    if (isMissing(error))
      throw new BackendNotInstalledError(PrometheusMetrics, 'prom-client', error);
    const problem = `failed to load: ${String(error)}`;
    throw new BackendUnusableError('@babuza/metrics/prometheus', problem, error);
  }
}

/** Whether it is prom-client that was not found. */
function isMissing(error: unknown): boolean {
  return (
    error instanceof Error &&
    Reflect.get(error, 'code') === 'ERR_MODULE_NOT_FOUND' &&
    error.message.includes("'prom-client'")
  );
}
