/** The global object of a process that runs tests has the set of passed points under this name. */
export const passedName = '__babuzaPassedPoints';
