/** The status page in a real browser: on a phone, a tablet and a desk, by day and by night, with keys alone. */
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { statusPage } from "../../../src/status-page/page.ts";
import type { StatusReport } from "../../../src/status-page/report.ts";
import { hasBrowser, openBrowser, serve } from "../../support/browser.ts";
import {
  everyHour,
  hostileReport,
  hourMs,
  now,
  reportOf,
  shop,
  shopReport,
} from "../../unit/status-page/reports.ts";

const widths = [360, 768, 1280] as const;
const themes = ["light", "dark"] as const;

/** Run in the page, which has a DOM; the rest of this file has none. */
const openAll = `for (const one of document.querySelectorAll("details")) one.open = true`;
const scrolledWidth = `document.documentElement.scrollWidth`;
const sticksOut = `[...document.querySelectorAll("body *")]
  .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map((one) => one.outerHTML.slice(0, 80))`;
const reachableCount = `document.querySelectorAll("a[href], summary").length`;
const headingTexts = `[...document.querySelectorAll("h1, h2, h3, h4, h5, h6")]
  .map((one) => one.tagName + " " + one.textContent.trim())`;
const focusedOne = `(() => {
  const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
  const { left, width } = document.activeElement.getBoundingClientRect();
  return { outlineStyle, outlineWidth, left, width, tag: document.activeElement.tagName };
})()`;
const foreignThings = `[
  ...[...document.querySelectorAll("script, style, img, iframe, link")].map((one) => one.tagName),
  ...[...document.querySelectorAll("a")]
    .map((one) => one.getAttribute("href"))
    .filter((href) => !/^(?:#|https:\\/\\/github\\.com\\/)/.test(href)),
]`;
const sendSomething = `fetch(location.href + "secret").then(() => "sent", () => "refused")`;

interface Focused {
  readonly tag: string;
  readonly left: number;
  readonly width: number;
}

const reports: Readonly<Record<string, () => StatusReport>> = {
  "a shop with problems": shopReport,
  "no backup at all": () => reportOf(shop, []),
  "one backup": () => reportOf(shop, [{ snapshots: [everyHour(1).at(-1)!] }]),
  "seven years of hourly backups": () => reportOf(shop, [{ snapshots: everyHour(7) }]),
  "hostile words": hostileReport,
};

describe.skipIf(!hasBrowser)("the status page", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  interface Look {
    readonly page: Page;
    readonly asked: readonly string[];
    /** Errors and warnings of the console, and exceptions. */
    readonly complaints: readonly string[];
  }

  async function looking(
    report: StatusReport,
    { width = 1280, at = now, scripts = true },
    look: (look: Look) => Promise<void>,
  ): Promise<void> {
    await using server = await serve(statusPage(report));
    const context: BrowserContext = await browser.newContext({
      viewport: { width, height: 800 },
      javaScriptEnabled: scripts,
    });
    try {
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on("console", (message) => complaints.push(message.text()));
      page.on("pageerror", (error) => complaints.push(error.message));
      page.on("dialog", (dialog) => {
        complaints.push(dialog.message());
        void dialog.dismiss();
      });
      await page.clock.setFixedTime(at);
      await page.goto(server.url, { waitUntil: "networkidle" });
      await look({ page, asked: server.asked, complaints });
    } finally {
      await context.close();
    }
  }

  test.each(Object.entries(reports))(
    "of %s fits every width in both themes, asks for nothing and complains about nothing",
    async (_, report) => {
      await looking(report(), {}, async ({ page, asked, complaints }) => {
        await page.evaluate(openAll);
        for (const width of widths) {
          for (const colorScheme of themes) {
            await page.setViewportSize({ width, height: 800 });
            await page.emulateMedia({ colorScheme });
            expect(await page.evaluate(sticksOut), `${width} ${colorScheme}`).toEqual([]);
            expect(await page.evaluate(scrolledWidth), `${width} ${colorScheme}`).toBe(width);
          }
        }
        expect(asked).toEqual(["/"]);
        expect(complaints).toEqual([]);
      });
    },
  );

  test("has its landmarks, headings and tables for those who listen", async () => {
    await looking(shopReport(), {}, async ({ page }) => {
      for (const landmark of ["banner", "main", "contentinfo"] as const) {
        expect(await page.getByRole(landmark).count(), landmark).toBe(1);
      }
      expect(await page.getByRole("navigation", { name: "Sections" }).getByRole("link").count()).toBe(7);
      const headings = await page.evaluate<readonly string[]>(headingTexts);
      expect(headings.slice(0, 5)).toEqual([
        "H1 Backups of acme/shop",
        "H2 Problems",
        "H2 Sources",
        "H2 database PostgreSQL",
        "H3 Calendar",
      ]);
      const levels = headings.map((text) => Number(text[1]));
      for (const [index, level] of levels.entries()) expect(level - (levels[index - 1] ?? 0)).toBeLessThan(2);

      const overview = page.getByRole("region", { name: "Sources" }).getByRole("table");
      expect(await overview.getByRole("columnheader").allTextContents()).toEqual([
        "source",
        "last good backup",
        "restore proven",
        "worst gap, 30 days",
      ]);
      expect(await overview.getByRole("rowheader").count()).toBe(3);

      const database = page.getByRole("region", { name: /^database/ });
      const daily = database.getByRole("table", { name: /^daily/ });
      expect(await daily.getByRole("columnheader", { name: "Mon" }).count()).toBe(1);
      expect(await daily.getByRole("cell", { name: "opened" }).count()).toBeGreaterThan(20);
      expect(await database.getByRole("img").first().getAttribute("aria-label")).toMatch(
        /^Size, sealed, last 30 days: [\d.]+ GB at first, [\d.]+ GB now, [\d.]+ GB to [\d.]+ GB\.$/,
      );
    });
  });

  test.each(widths)("is walked through by keys at %i px, always visibly", async (width) => {
    await looking(shopReport(), { width }, async ({ page }) => {
      const reachable = await page.evaluate<number>(reachableCount);
      expect(reachable).toBeGreaterThan(12);
      const seen: string[] = [];
      for (let step = 0; step < reachable; step += 1) {
        await page.keyboard.press("Tab");
        const focused = await page.evaluate<Focused>(focusedOne);
        seen.push(focused.tag);
        expect(focused, `${step}`).toMatchObject({ outlineStyle: "solid", outlineWidth: "3px" });
        expect(focused.left, `${step}`).toBeGreaterThanOrEqual(0);
        expect(focused.width, `${step}`).toBeGreaterThan(0);
      }
      expect(seen.filter((tag) => tag !== "A" && tag !== "SUMMARY")).toEqual([]);
    });
  });

  test("opens its numbers with the keyboard", async () => {
    await looking(shopReport(), {}, async ({ page }) => {
      const details = page.locator("details").first();
      await details.locator("summary").focus();
      await page.keyboard.press("Enter");
      expect(await details.getByRole("columnheader").allTextContents()).toEqual([
        ...["until (UTC)", "backups", "size", "longest"],
      ]);
      expect(await details.getByRole("rowheader").count()).toBeGreaterThan(10);
    });
  });

  test("says itself that it is old, and reads without a script", async () => {
    const stale = (page: Page): Promise<string | null> =>
      page
        .locator("#stale:visible")
        .textContent({ timeout: 500 })
        .catch(() => null);
    await looking(shopReport(), { at: new Date(now.getTime() + 12 * hourMs) }, async ({ page }) => {
      expect(await stale(page)).toBeNull();
    });
    await looking(shopReport(), { at: new Date(now.getTime() + 30 * hourMs) }, async ({ page }) => {
      expect(await stale(page)).toMatch(/^This page is 30 hours old\. It shows what was/);
    });
    await looking(shopReport(), { scripts: false }, async ({ page }) => {
      expect(await stale(page)).toBeNull();
      expect(await page.getByRole("main").textContent()).toContain("Recovery point and time");
    });
  });

  test("runs and loads nothing that a source or a finding brings along", async () => {
    await looking(hostileReport(), {}, async ({ page, asked, complaints }) => {
      expect(await page.evaluate(foreignThings)).toEqual(["LINK", "STYLE", "SCRIPT"]);
      expect(complaints).toEqual([]);
      expect(await page.evaluate(sendSomething)).toBe("refused");
      expect(asked).toEqual(["/"]);
    });
  });
});
