/** The suite compares failures by their codes, as users do. */

/** The code of an error. For anything else it is a text that no code equals. */
export function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string')
    return error.code;
  return `not an error of a log: ${String(error)}`;
}

/** The code of the error that `call` throws, or `undefined`. */
export function failureOf(call: () => unknown): string | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

/** The code of the error that the promise rejects with, or `undefined`. */
export async function rejectionOf(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}
