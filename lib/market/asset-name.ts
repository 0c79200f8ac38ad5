/**
 * The part of a file's name that stands for an asset: characters other than letters, digits, `.`, `_` and `-` become `_`, and
 * those at its ends are left out.
 *
 * @param asset Such as `BTC/USDT`, `^GSPC` or `EURUSD=X`, which become `BTC_USDT`, `GSPC` and `EURUSD_X`.
 */
export function assetFileName(asset: string): string {
  return asset.replaceAll(/[^A-Za-z0-9._-]/g, "_").replaceAll(/^[_.-]+|[_.-]+$/g, "");
}
