/** The figures that are compared. */
export const FIGURES = ["return_pct", "sharpe", "win_rate", "mean_result_r", "brier"] as const;
/** The name of a figure. */
export type Figure = (typeof FIGURES)[number];
/** A number for each figure; `null` where it is undefined. */
export type Figures = Readonly<Record<Figure, number | null>>;

/** A value for each figure. */
export function fromFigures<Value>(value: (figure: Figure) => Value): Readonly<Record<Figure, Value>> {
  return {
    return_pct: value("return_pct"),
    sharpe: value("sharpe"),
    win_rate: value("win_rate"),
    mean_result_r: value("mean_result_r"),
    brier: value("brier"),
  };
}

/** Means; a figure that is undefined in one is undefined. */
export function meanFigures(all: readonly Figures[]): Figures {
  return fromFigures((figure) => {
    let sum = 0;
    for (const figures of all) {
      const value = figures[figure];
      if (value === null) return null;
      sum += value;
    }
    return all.length === 0 ? null : sum / all.length;
  });
}

/** Differences; of a figure that is undefined in one there is none. */
export function minus(a: Figures, b: Figures): Figures {
  return fromFigures((figure) => {
    const [left, right] = [a[figure], b[figure]];
    return left === null || right === null ? null : left - right;
  });
}
