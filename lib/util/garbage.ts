let collect: () => void = () => {};

/** Makes `collectGarbage()` use the engine's own function from now on. */
export function setCollectGarbage(native: () => void): void {
  collect = native;
}

/**
 * Frees what is not used any more, where the engine can be asked to. For just before long work that makes little garbage at a time:
 * engines let a heap grow to twice what was in use when they last looked, and what reading a large file left would count.
 */
export function collectGarbage(): void {
  collect();
}
