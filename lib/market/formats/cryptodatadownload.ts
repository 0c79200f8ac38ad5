import { columnOf, priceColumns } from "./columns.ts";
import type { TextFormat } from "./foreign-bars.ts";

/** CryptoDataDownload: a line with its address above the header, newest bar first, `Unix` in seconds or ms, else `Date` in UTC. */
export const cryptoDataDownload: TextFormat = {
  name: "cryptodatadownload",
  layoutOf: ({ names = [], preamble }) => {
    const prices = priceColumns(names);
    if (prices === undefined || !/cryptodatadownload/i.test(preamble.flat().join(" "))) return undefined;
    const time = columnOf(names, ["unix", "unixtimestamp", "date"]);
    return time === undefined ? undefined : { format: "CryptoDataDownload", ...prices, time: [time], zone: "UTC" };
  },
};
