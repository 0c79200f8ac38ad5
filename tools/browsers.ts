/** Browsers of this machine, for a screenshot of a report and for its tests. */
import { type Browser, launch } from "puppeteer-core";

/** A browser that was found. */
export interface FoundBrowser {
  readonly name: "chromium" | "firefox";
  readonly path: string;
}

const PROGRAMS = {
  chromium: ["chromium", "chromium-browser", "google-chrome"],
  firefox: ["firefox-esr", "firefox"],
} as const;

/** The program of a browser; `undefined` if there is none. */
export function findBrowser(name: FoundBrowser["name"]): FoundBrowser | undefined {
  const path = PROGRAMS[name].map((program) => Bun.which(program)).find((each) => each !== null);
  return path === undefined || path === null ? undefined : { name, path };
}

/** Starts a browser without a window. */
export function startBrowser({ name, path }: FoundBrowser, options: { scheme: "light" | "dark" }): Promise<Browser> {
  const isDark = options.scheme === "dark";
  return name === "firefox"
    ? launch({
        browser: "firefox",
        executablePath: path,
        extraPrefsFirefox: { "layout.css.prefers-color-scheme.content-override": isDark ? 0 : 1 },
      })
    : launch({
        executablePath: path,
        // The sandbox needs rights that containers do not give, and the page is our own.
        args: ["--no-sandbox", "--hide-scrollbars", ...(isDark ? ["--force-dark-mode"] : [])],
      });
}
