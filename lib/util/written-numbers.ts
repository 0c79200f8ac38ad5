/** Numbers and times as a person writes them. */

/** A fixed count of decimals and a comma between thousands, such as `10,250.50`. */
export function fixed(value: number | null, decimals = 2): string {
  if (value === null || !Number.isFinite(value)) return "-";
  const [whole = "", fraction] = Math.abs(value).toFixed(decimals).split(".");
  const grouped = whole.replaceAll(/\B(?=(\d{3})+$)/g, ",") + (fraction === undefined ? "" : `.${fraction}`);
  // What rounds to 0 has no sign.
  return value < 0 && /[1-9]/.test(grouped) ? `-${grouped}` : grouped;
}

/** Like `fixed()`, with a plus sign for values above 0. */
export function signed(value: number | null, decimals = 2): string {
  const text = fixed(value, decimals);
  return value !== null && value > 0 && /[1-9]/.test(text) ? `+${text}` : text;
}

/** US dollars: cents from $1 on, hundredths of a cent below. */
export function dollars(value: number): string {
  return `$${value.toFixed(value < 1 ? 4 : 2)}`;
}

/** An ISO timestamp to the minute, such as `2021-05-19 13:00`. */
export function minute(timestamp: string): string {
  return timestamp.slice(0, 16).replace("T", " ");
}
