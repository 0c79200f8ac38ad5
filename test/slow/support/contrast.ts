/**
 * Finds the texts of a page that are hard to read: their contrast to what lies below them is under a minimum (WCAG 2.2, 1.4.3). It
 * runs in the page, so it uses nothing from around it.
 */
export function textsOfLowContrast(minimum: number): { checked: number; low: string[] } {
  const channelsOf = (color: string): number[] => color.match(/[\d.]+/g)!.map(Number);
  const luminance = (color: string): number => {
    const [r, g, b] = channelsOf(color).map((channel) => {
      const share = channel / 255;
      return share <= 0.040_45 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
  };
  const isOpaque = (color: string): boolean => color.startsWith("rgb") && (channelsOf(color)[3] ?? 1) > 0;
  const colorBelow = (element: Element, x: number, y: number): string => {
    for (const below of document.elementsFromPoint(x, y)) {
      if (below === element || element.contains(below)) continue;
      const { fill, backgroundColor } = getComputedStyle(below);
      if (below instanceof SVGGeometryElement && isOpaque(fill)) return fill;
      if (below instanceof HTMLElement && isOpaque(backgroundColor)) return backgroundColor;
    }
    return getComputedStyle(document.body).backgroundColor;
  };

  const low: string[] = [];
  let checked = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const element = node.parentElement!;
    const text = node.textContent!.trim();
    if (text === "" || ["SCRIPT", "STYLE", "title"].includes(element.tagName)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const [box] = range.getClientRects();
    if (box === undefined || box.width === 0) continue;
    const { color, fill } = getComputedStyle(element);
    const ink = element instanceof SVGElement ? fill : color;
    const page = colorBelow(element, box.x + box.width / 2, box.y + box.height / 2);
    const [a, b] = [luminance(ink), luminance(page)];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    checked += 1;
    if (contrast < minimum) low.push(`${text}: ${ink} on ${page}, ${contrast.toFixed(2)}`);
  }
  return { checked, low };
}
