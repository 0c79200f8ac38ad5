let collect: () => void = () => {};

/** Makes `collectGarbage()` use the engine's own function from now on. */
export function setCollectGarbage(native: () => void): void {
  collect = native;
}

/** What fewer objects leave is not worth the time. */
const MANY_OBJECTS = 1 << 14;

/** Steps of a loop between two collections. */
const STEPS = 1 << 13;

/**
 * Frees what is not used any more, where the engine can be asked to. Engines let a heap grow to twice what was in use when they
 * last looked, and in a large memory that is too much.
 *
 * @param made Objects that were made since the last call, as far as the caller knows. Nothing is done for fewer than 16,384.
 */
export function collectGarbage(made: number): void {
  if (made >= MANY_OBJECTS) collect();
}

/** As `collectGarbage()`, for a loop that leaves garbage: every 8,192nd step frees what the others have left. */
export function collectGarbageAtStep(i: number): void {
  if (i % STEPS === STEPS - 1) collect();
}
