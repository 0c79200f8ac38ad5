/** Colours of cells: blue for gains, orange for losses, which readers of all kinds of colour vision tell apart. */

/** Steps to each side of 0. */
const STEPS = 3;

/**
 * The colour of a cell, and of the text on it: the variables of page-style.ts.
 *
 * @param share -1 for the strongest loss, 1 for the strongest gain; beyond that nothing changes.
 */
export function heatCell(share: number): { readonly fill: string; readonly ink: string } {
  const step = Math.round(Math.max(-1, Math.min(1, share)) * STEPS);
  const name = `${step < 0 ? "loss" : "gain"}${Math.abs(step)}`;
  return step === 0
    ? { fill: "var(--even)", ink: "var(--even-ink)" }
    : { fill: `var(--${name})`, ink: `var(--${name}-ink)` };
}
