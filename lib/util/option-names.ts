/**
 * Refuses misspelt options, which TypeScript does not check in an object that is spread.
 *
 * @param options `tried`: such as `Cannot backtest`; `group`: goes before a name in the message, such as `risk.`.
 * @throws {RangeError} For a name that is not among those that are known.
 */
export function assertKnownOptions(
  given: object | undefined,
  names: Readonly<Record<string, true>>,
  { tried, group = "" }: { tried: string; group?: string },
): void {
  const known = Object.keys(names);
  const unknown = Object.keys(given ?? {}).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new RangeError(`${tried}: found the unknown option "${group}${unknown}", expected one of ${known.join(", ")}`);
}
