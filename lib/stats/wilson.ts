/** Of a standard normal variable, for 95 %. */
const Z = 1.959964;

/** The 95 % interval of a proportion, 0..1 (Wilson 1927); the whole range without trials. */
export function wilsonInterval(successes: number, trials: number): { readonly low: number; readonly high: number } {
  if (trials === 0) return { low: 0, high: 1 };
  const share = successes / trials;
  const scale = 1 + (Z * Z) / trials;
  const center = (share + (Z * Z) / (2 * trials)) / scale;
  const half = (Z * Math.sqrt((share * (1 - share)) / trials + (Z * Z) / (4 * trials * trials))) / scale;
  return { low: Math.max(0, center - half), high: Math.min(1, center + half) };
}
