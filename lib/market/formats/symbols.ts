/** A symbol without the marks that vendors add, such as `X:BTC-USD` for `BTC/USD`. */
export function plainSymbol(symbol: string): string {
  return symbol
    .replace(/^[A-Z]:/, "")
    .replaceAll(/[^a-z0-9]/gi, "")
    .toUpperCase();
}
