/** Beyond this many standard deviations the probability is 0 or 1 to a double's precision. */
const MAX_DEVIATIONS = 8.3;

/**
 * The probability that a standard normal variable is at most `x`: 1/2 + density(x) x (x + x^3/3 + x^5/(3 x 5) + ...)
 * (Marsaglia 2004, "Evaluating the Normal Distribution"). The absolute error is below 1e-15.
 */
export function normalCdf(x: number): number {
  if (Math.abs(x) > MAX_DEVIATIONS) return x > 0 ? 1 : 0;
  let sum = x;
  let term = x;
  for (let odd = 3; ; odd += 2) {
    term *= (x * x) / odd;
    if (sum + term === sum) break;
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

/** The `x` whose `normalCdf()` is `p`, by bisection. @throws {RangeError} If `p` is not above 0 and below 1. */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) throw new RangeError(`Cannot find a quantile: found p = ${p}, expected it between 0 and 1`);
  let low = -MAX_DEVIATIONS;
  let high = MAX_DEVIATIONS;
  for (;;) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) return middle;
    if (normalCdf(middle) < p) low = middle;
    else high = middle;
  }
}
