let collect: () => void = () => {};

/** Makes `collectGarbage()` use the engine's own function from now on. */
export function setCollectGarbage(native: () => void): void {
  collect = native;
}

/** What fewer objects leave is not worth the time. */
const MANY_OBJECTS = 1 << 14;

/**
 * Frees what is not used any more, where the engine can be asked to. Engines let a heap grow to twice what was in use when they
 * last looked, and in a large memory that is too much.
 *
 * @param made Objects that were made since the last call, as far as the caller knows. Nothing is done for fewer than 16,384.
 */
export function collectGarbage(made: number): void {
  if (made >= MANY_OBJECTS) collect();
}
