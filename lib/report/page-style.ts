/**
 * The page's stylesheet. Colours are those of Okabe and Ito (2008), which readers of all kinds of colour vision tell apart,
 * darker or lighter where text or thin lines need it. On paper the page is light.
 */
const LIGHT = `
  --page: #ffffff; --ink: #1c2024; --soft: #565d66; --grid: #e3e6ea; --border: #8a929c; --panel: #f5f6f8;
  --on: #0068a8; --off: #5e656e; --matched: #c25700; --held: #1c2024; --band: #cfe3f2; --price: #33383e;
  --c0: #0072b2; --c1: #e69f00; --c2: #009e73; --c3: #c85f9a; --c4: #56b4e9; --c5: #d55e00; --c6: #7a5fb0; --c7: #8a929c;
  --gain: #0068a8; --loss: #c25700; --trending: #d9ecd9; --ranging: #ffffff; --volatile: #f8dfc4;
  --even: #eceef1; --even-ink: #1c2024;
  --gain1: #d3e6f4; --gain1-ink: #1c2024; --gain2: #7fb8dd; --gain2-ink: #10161c; --gain3: #0f5f97; --gain3-ink: #ffffff;
  --loss1: #fbe3c8; --loss1-ink: #1c2024; --loss2: #f0ac62; --loss2-ink: #10161c; --loss3: #a84b00; --loss3-ink: #ffffff;`;

const DARK = `
  --page: #14181c; --ink: #e4e7ea; --soft: #a9b1ba; --grid: #2b3138; --border: #78828d; --panel: #1c2126;
  --on: #5bb3ee; --off: #a5adb6; --matched: #f0a04b; --held: #e4e7ea; --band: #1d3b52; --price: #c8cdd3;
  --c0: #4aa3df; --c1: #e6a92a; --c2: #2bb88c; --c3: #d983b4; --c4: #9ad4f5; --c5: #ee7f3a; --c6: #a48fd6; --c7: #8a929c;
  --gain: #5bb3ee; --loss: #f0a04b; --trending: #1f3a2a; --ranging: #14181c; --volatile: #46331c;
  --even: #2b3138; --even-ink: #e4e7ea;
  --gain1: #1f3f57; --gain1-ink: #ffffff; --gain2: #22648f; --gain2-ink: #ffffff; --gain3: #7cc3f2; --gain3-ink: #10161c;
  --loss1: #4d361c; --loss1-ink: #ffffff; --loss2: #87500f; --loss2-ink: #ffffff; --loss3: #f2ab5c; --loss3-ink: #10161c;`;

const COLORS = ["on", "off", "matched", "held", "gain", "loss", "trending", "ranging", "volatile"].concat(
  Array.from({ length: 8 }, (_, i) => `c${i}`),
);

export const PAGE_STYLE: string = `
:root { color-scheme: light dark; ${LIGHT} }
@media screen and (prefers-color-scheme: dark) { :root { ${DARK} } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 960px; margin: 0 auto; padding: 1.5rem 1.25rem 3rem; }
h1 { font-size: 1.35rem; line-height: 1.3; margin: 0 0 .2rem; }
h2 { font-size: 1.1rem; margin: 0 0 .1rem; }
h3 { font-size: .95rem; margin: .6rem 0 0; }
p { margin: .2rem 0 .5rem; max-width: 80ch; color: var(--soft); }
.verdict { color: var(--ink); font-size: 1.05rem; }
.verdict strong { font-weight: 650; }
section { margin-top: 2.1rem; }
.scroll { overflow-x: auto; }
svg { display: block; max-width: 100%; height: auto; font-size: 11px; }
svg text { white-space: pre; }
.two { display: grid; grid-template-columns: 1fr 1fr; gap: 20px; }
.legend { display: flex; flex-wrap: wrap; gap: .1rem 1.1rem; list-style: none; margin: .2rem 0; padding: 0; font-size: .87rem; }
.legend li { display: flex; align-items: center; gap: .4rem; }
.swatch { display: inline-block; width: 13px; height: 13px; background: currentColor; border: 1.5px solid var(--border); }
.swatch.line { width: 22px; height: 0; border: 0; border-top: 3px solid; background: none; }
.swatch.dash { border-top-style: dashed; }
.swatch.hollow { background: none; border-color: currentColor; border-width: 2px; }
${COLORS.map((name) => `.${name} { color: var(--${name}); }`).join("\n")}
table:not(.u-legend) { border-collapse: collapse; font-size: .87rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding: .3rem 0; }
table:not(.u-legend) :is(th, td) { padding: .15rem .9rem .15rem 0; text-align: right; white-space: nowrap; font-weight: 400; }
thead th { border-bottom: 1px solid var(--border); color: var(--soft); }
table:not(.u-legend) :is(tbody th, thead th:first-child) { text-align: left; }
table:not(.u-legend) tbody tr + tr > * { border-top: 1px solid var(--grid); }
details { margin-top: .4rem; font-size: .93rem; }
summary { cursor: pointer; color: var(--soft); width: fit-content; }
summary:focus-visible, button:focus-visible, input:focus-visible { outline: 2px solid var(--on); outline-offset: 2px; }
.tabs, .zoom { display: none; align-items: baseline; border: 0; padding: 0; margin: .3rem 0; gap: .3rem 1rem; flex-wrap: wrap; font-size: .9rem; }
.tabs legend { position: absolute; clip-path: inset(50%); }
.tabs input { accent-color: var(--on); }
.js .tabs, .js .zoom { display: flex; }
.js .panel[data-hidden] { display: none; }
.js .panel h3 { display: none; }
button { font: inherit; color: inherit; background: var(--panel); border: 1px solid var(--border); border-radius: 4px; padding: .05rem .6rem; cursor: pointer; }
.live { display: none; }
.js .live { display: block; }
.js .still { display: none; }
.uplot, .uplot *, .uplot *::before, .uplot *::after { font-family: system-ui, sans-serif; }
.u-legend { font-size: .87rem; text-align: left; font-variant-numeric: tabular-nums; }
.u-legend .u-label { font-weight: 400; }
.u-select { background: color-mix(in srgb, var(--on) 18%, transparent); }
footer { margin-top: 2.5rem; font-size: .87rem; color: var(--soft); overflow-wrap: anywhere; }
@media (max-width: 700px) {
  main { padding: 1rem .8rem 2rem; }
  .two { grid-template-columns: 1fr; }
  svg.wide { min-width: 660px; }
}
@media print {
  @page { size: A4; margin: 14mm; }
  body { font-size: 10.5pt; }
  main { max-width: none; padding: 0; }
  section, .panel { break-inside: avoid; }
  section { margin-top: 1.2rem; }
  h2, h3, .legend { break-after: avoid; }
  .live, .js .live, .tabs, .js .tabs, .zoom, .js .zoom, details { display: none; }
  .js .still, .js .panel[data-hidden], .js .panel h3 { display: block; }
  .swatch, svg { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;
