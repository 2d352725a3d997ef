/** Checks for the values of options. */

/** The command line is wrong. The demo prints the message and exits with code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export function bytesOf(option: string, text: string): number {
  const match = /^(\d+)([KMG]?)$/i.exec(text);
  const units = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 };
  const unit = match?.[2]?.toUpperCase() ?? '';
  const factor = unit === 'K' || unit === 'M' || unit === 'G' ? units[unit] : 1;
  return positive(option, match?.[1] ?? text, /^\d+$/) * factor;
}

export function positive(option: string, text: string, pattern: RegExp): number {
  const value = Number(text);
  if (!pattern.test(text) || !Number.isSafeInteger(value) || value < 1) {
    throw new UsageError(`${option} must be a whole number above 0, got ${text}`);
  }
  return value;
}

export function atMost(option: string, text: string, most: number): number {
  const value = positive(option, text, /^\d+$/);
  if (value > most) throw new UsageError(`${option} must be at most ${most}, got ${text}`);
  return value;
}
