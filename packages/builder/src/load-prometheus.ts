/**
 * Loads the collector for Prometheus. It needs the package prom-client, which only its users
 * install.
 */
import { MetricsError, type MetricsCollector } from '@babuza/metrics';
import type { PrometheusOptions } from '@babuza/metrics/prometheus';
import { BackendNotInstalledError, BackendUnusableError } from './errors.ts';
import { PrometheusMetrics } from './registry.ts';

/**
 * @throws BackendNotInstalledError, BackendUnusableError, or MetricsError if the options are not
 * valid.
 */
export async function loadPrometheus(options?: PrometheusOptions): Promise<MetricsCollector> {
  try {
    const { PrometheusCollector } = await import('@babuza/metrics/prometheus');
    return new PrometheusCollector(options);
  } catch (error) {
    // The package was loaded, but the options are not valid: this error describes them.
    if (error instanceof MetricsError) throw error;
    if (isMissing(error))
      throw new BackendNotInstalledError(PrometheusMetrics, 'prom-client', error);
    const problem = `failed to load: ${String(error)}`;
    throw new BackendUnusableError('@babuza/metrics/prometheus', problem, error);
  }
}

/** Whether prom-client is the package that was not found. */
function isMissing(error: unknown): boolean {
  return (
    error instanceof Error &&
    Reflect.get(error, 'code') === 'ERR_MODULE_NOT_FOUND' &&
    error.message.includes("'prom-client'")
  );
}
