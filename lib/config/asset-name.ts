import { isFileNamePart } from "../util/names.ts";

/** A decision's id, which is part of a file name of at most 120 characters, has 23 beside the asset's name. */
const MAX_ASSET_LENGTH = 97;

/** What an asset's name looks like, for messages. */
export const ASSET_FORM: string = `an asset's name such as "BTCUSD", "BTC/USDT" or "^GSPC", of at most ${MAX_ASSET_LENGTH} characters`;

/**
 * Whether a text can be an asset's name: letters, digits and `. _ - / ^ = : + & ! # $ @`, as exchanges and vendors write symbols.
 * It must make a file's name, and must not look like a path that leaves a folder.
 */
export function isAssetName(text: string): boolean {
  if (text.length > MAX_ASSET_LENGTH || !/^[\w./^=:+&!#$@-]+$/.test(text)) return false;
  return !/(?:^|\/)\.{1,2}(?:\/|$)/.test(text) && isFileNamePart(assetFileName(text));
}

/**
 * The part of a file's name that stands for an asset. A name that can be a file's stays as it is. In any other, each character but
 * letters, digits, `.`, `_` and `-` becomes `_`, and `_`, `.` and `-` at its ends are left out.
 *
 * @param asset Such as `BTC/USDT`, `^GSPC` or `EURUSD=X`, which become `BTC_USDT`, `GSPC` and `EURUSD_X`.
 */
export function assetFileName(asset: string): string {
  if (isFileNamePart(asset)) return asset;
  return asset.replaceAll(/[^A-Za-z0-9._-]/g, "_").replaceAll(/^[_.-]+|[_.-]+$/g, "");
}
