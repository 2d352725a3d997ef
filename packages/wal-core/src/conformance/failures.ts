/** How the suite names what a call failed with: by code, as users match it. */

/** The code of an error; for what is no error of a log, a text that no code equals. */
export function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string')
    return error.code;
  return `no error of a log: ${String(error)}`;
}

/** The code that `call` throws, or `undefined`. */
export function failureOf(call: () => unknown): string | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

/** The code that the promise is rejected with, or `undefined`. */
export async function rejectionOf(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}
