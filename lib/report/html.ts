/** Pieces of the page. */
import { sha256OfBytes } from "../util/sha256.ts";

/** Text as HTML, also within quotes. */
export function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** A sentence as HTML: a number and its percent sign stay on one line. */
export function proseHtml(text: string): string {
  return escapeHtml(text).replaceAll(/(?<=\d) %/g, "\u00A0%");
}

/** A table of texts. */
export interface TableContent {
  readonly heads: readonly string[];
  /** The first cell of a row is its heading. */
  readonly rows: readonly (readonly string[])[];
}

/** Rows that a table shows at most. */
const MAX_ROWS = 1000;

export function tableHtml(caption: string, { heads, rows }: TableContent): string {
  const head = heads.map((text) => `<th scope="col">${escapeHtml(text)}</th>`).join("");
  const body = rows.slice(0, MAX_ROWS).map(([first = "", ...cells]) => {
    const others = cells.map((text) => `<td>${escapeHtml(text)}</td>`).join("");
    return `<tr><th scope="row">${escapeHtml(first)}</th>${others}</tr>\n`;
  });
  const left = rows.length > MAX_ROWS ? ` (the first ${MAX_ROWS} of ${rows.length} rows)` : "";
  return (
    `<div class="scroll"><table><caption>${escapeHtml(caption + left)}</caption><thead><tr>${head}</tr></thead>` +
    `<tbody>\n${body.join("")}</tbody></table></div>`
  );
}

/** What a colour or a symbol of a picture stands for. */
export interface LegendEntry {
  readonly name: string;
  /** Classes of page-style.ts: a colour, or a colour and a dash. */
  readonly swatch: string;
}

export function legendHtml(entries: readonly LegendEntry[]): string {
  const items = entries.map(({ name, swatch }) => `<li><i class="swatch ${swatch}"></i>${escapeHtml(name)}</li>`);
  return items.length === 0 ? "" : `<ul class="legend">${items.join("")}</ul>`;
}

/** A picture with what is said about it. */
export interface Picture {
  /** Of the section, and of the picture's place in the page. */
  readonly id: string;
  readonly title: string;
  /** How to read it, in a sentence or two. */
  readonly note: string;
  readonly legend?: readonly LegendEntry[] | undefined;
  /** HTML; without it the note says why there is nothing to see. */
  readonly body?: string;
  readonly table?: TableContent;
}

/** A section with its picture, and the figures of the picture as a table that opens. */
export function pictureHtml({ id, title, note, legend = [], body, table }: Picture): string {
  const figures =
    table === undefined || table.rows.length === 0
      ? ""
      : `<details><summary aria-label="The figures: ${escapeHtml(title)}">The figures</summary>${tableHtml(title, table)}</details>`;
  const picture = body === undefined ? "" : legendHtml(legend) + body;
  return `<section id="${id}"><h2>${escapeHtml(title)}</h2><p>${proseHtml(note)}</p>${picture}${figures}</section>\n`;
}

/** Pictures of which one is seen at a time, chosen by its name. On paper all are seen. */
export function tabsHtml(group: string, tabs: readonly { readonly name: string; readonly html: string }[]): string {
  if (tabs.length === 1) return tabs[0]!.html;
  const choices = tabs.map(({ name }, i) => {
    const checked = i === 0 ? " checked" : "";
    return `<label><input type="radio" name="${group}" data-tab="${group}-${i}"${checked}>${escapeHtml(name)}</label>`;
  });
  const panels = tabs.map(
    ({ name, html }, i) =>
      `<div class="panel" id="${group}-${i}"${i === 0 ? "" : " data-hidden"}><h3>${escapeHtml(name)}</h3>${html}</div>`,
  );
  return `<fieldset class="tabs"><legend>Show</legend>${choices.join("")}</fieldset>${panels.join("")}`;
}

/** The hash of an inline element, as a security policy names it. */
export async function hashOf(text: string): Promise<string> {
  const hex = await sha256OfBytes(new TextEncoder().encode(text));
  return btoa(String.fromCharCode(...hex.match(/../g)!.map((byte) => Number.parseInt(byte, 16))));
}
