/** Contrast by WCAG 2.2: 4.5 for text, 3 for shapes that mean something. */
import { expect, test } from "vitest";
import { type Colour, palette } from "../../../src/status-page/palette.ts";

const texts: readonly Colour[] = ["text", "quiet", "link", "good", "warn", "bad"];
const shapes: readonly Colour[] = ["edge", "link", "good", "warn", "bad"];
const grounds: readonly Colour[] = ["ground", "panel"];

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [lighter = 0, darker = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (lighter + 0.05) / (darker + 0.05);
}

test("the measure is WCAG's", () => {
  expect(contrast("#000000", "#ffffff")).toBeCloseTo(21, 5);
  expect(contrast("#777777", "#ffffff")).toBeCloseTo(4.48, 2);
});

test.each(["light", "dark"] as const)("text and shapes can be told from the ground: %s", (theme) => {
  const colours = palette[theme];
  for (const ground of grounds) {
    for (const text of texts) {
      expect(contrast(colours[text], colours[ground]), `${text} on ${ground}`).toBeGreaterThanOrEqual(4.5);
    }
    for (const shape of shapes) {
      expect(contrast(colours[shape], colours[ground]), `${shape} on ${ground}`).toBeGreaterThanOrEqual(3);
    }
  }
});
