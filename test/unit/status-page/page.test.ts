/** The page as text: complete, escaped, bounded, and self-contained. */
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { statusPage } from "../../../src/status-page/page.ts";
import type { StatusReport } from "../../../src/status-page/report.ts";
import { policyOf } from "../policy/policies.ts";
import {
  backup,
  checked,
  dayMs,
  everyHour,
  hostileReport,
  hourMs,
  now,
  reportOf,
  shop,
  shopReport,
} from "./reports.ts";

const manySources = {
  ...shop,
  sources: Array.from({ length: 60 }, (__, index) => ({
    ...shop.sources[0]!,
    name: `database-number-${index}-of-a-large-company`,
  })),
};

/** What a reader sees, without tags, style and script. */
function wordsOf(page: string): string {
  return page
    .replace(/<(style|script)>.*?<\/\1>/gs, " ")
    .replaceAll(/<[^>]*>/g, " ")
    .replaceAll("&quot;", '"')
    .replaceAll(/\s+/g, " ");
}

function section(page: string, name: string): string {
  const [, text = ""] =
    new RegExp(`<h2 id="${name}".*?(?=<h2 |</main>)`, "s").exec(page)?.[0].split(/(.*)/s) ?? [];
  return wordsOf(text);
}

describe("the status page", () => {
  test("says the verdict, each problem with what to do, the worst first, and where the runbook is", () => {
    const page = statusPage(shopReport());
    expect(page).toContain("<title>2 problems – Backups of acme/shop</title>");
    const problems = section(page, "problems");
    expect(problems).toMatch(
      /Error The last good backup of "product-images" is of 2026-11-21 12:41 UTC; the policy allows 1 day\. What to do: Look at/,
    );
    expect(page).toContain('href="https://github.com/acme/shop/blob/HEAD/docs/runbook.md#backup-late"');
    const findings = shopReport().judgement.findings;
    const warning = { ...findings[0]!, level: "warning" as const, publicSentence: "Only a warning." };
    const mixed = { ...shopReport(), judgement: { isWell: false, findings: [warning, ...findings] } };
    expect(section(statusPage(mixed), "problems")).toMatch(/Error .* Error .* Warning Only a warning\./);
  });

  test.each<[string, Partial<StatusReport>, string]>([
    ["nothing is wrong", {}, "All is well"],
    ["a way to tell people failed", { unheard: ["email"] }, "not everybody could be told"],
  ])("where %s says so", (__, more, words) => {
    const everyDay = policyOf(
      "sources: { database: { type: postgres, url: { secret: DATABASE_URL }, every: 24h } }",
    );
    const fine = backup(hourMs, { evidence: [checked("restored", 60_000)] });
    const page = statusPage(reportOf(everyDay, [{ snapshots: [fine] }], more));
    expect(/<p class="verdict good">([^<]*)/.exec(page)?.[1]).toContain(words);
  });

  test("gives measured recovery points beside the objective, and what drills took", () => {
    const words = section(statusPage(shopReport()), "source-database");
    expect(words).toContain(
      "Objective: lose at most 1 hour. A failure at this page’s moment would lose what changed in the last 11 min.",
    );
    expect(words).toMatch(/30 days 1 h 2 h over 2 h over 67\d/);
    expect(words).toMatch(/365 days 1 h 2 h over 2 h over 82\d\d/);
    expect(words).toContain("2026-10-14 12:52 restoration passed 1 h 12 min");
    expect(words).toContain("2026-05-07 12:52 disaster passed 4 h 36 min over");
    expect(words).toContain("2026-07-16 12:52 restoration passed 1 h 6 min missed an objective");
    expect(section(statusPage(shopReport()), "source-application")).toContain(
      "be back within 1 hour. No drill has measured it yet.",
    );
  });

  test("shows failures and restores among ever so many checks, and whom nobody vouches for", () => {
    const many = Array.from({ length: 40 }, (__, index) =>
      backup(index * hourMs + 60_000, { evidence: [checked("unsealed", index * hourMs)] }),
    );
    const odd = backup(30 * dayMs, {
      evidence: [
        checked("restored", 20 * dayMs),
        checked("stored", 10 * dayMs, { verdict: "failed" }),
        checked("unsealed", 5 * dayMs, { verdict: "not-verified", isTrusted: false }),
      ],
    });
    const words = section(statusPage(reportOf(shop, [{ snapshots: [...many, odd] }])), "source-database");
    expect(words).toContain("2026-11-18 12:52 2026-10-24 12:52 unsealed not verified nobody vouches");
    expect(words).toContain("2026-11-13 12:52 2026-10-24 12:52 stored failed");
    expect(words).toContain("2026-11-03 12:52 2026-10-24 12:52 restored passed");
    expect(words).toContain("And 34 other checks.");
  });

  test("with no backup, and with one, says what there is not", () => {
    const empty = section(statusPage(reportOf(shop, [])), "source-database");
    expect(empty).toContain("There is no backup yet.");
    expect(empty).toContain("would lose everything");
    expect(empty).toContain("None of these backups has been checked.");
    const one = section(statusPage(reportOf(shop, [{ snapshots: [backup(hourMs)] }])), "source-database");
    expect(one).toContain("Two backups at least are needed for a line.");
    expect(one).not.toMatch(/NaN|undefined|Infinity/);
  });

  test.each<[string, () => StatusReport, number]>([
    ["of seven years of hourly backups", () => reportOf(shop, [{ snapshots: everyHour(7) }]), 200_000],
    [
      "of sixty sources with half a year each",
      () => {
        const snapshots = everyHour(0.5);
        return reportOf(
          manySources,
          manySources.sources.map(() => ({ snapshots })),
        );
      },
      500_000,
    ],
  ])("%s stays small", (__, report, limit) => {
    const page = statusPage(report());
    expect(Buffer.byteLength(page)).toBeLessThan(limit);
    expect(page).not.toMatch(/NaN|undefined|Infinity/);
  });

  test("names nothing but its own text: no address is loaded, and only its own style and script may run", () => {
    for (const report of [shopReport(), hostileReport()]) {
      const page = statusPage(report);
      const policyOfPage = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1] ?? "";
      const hashOf = (element: string): string => {
        const text = new RegExp(`<${element}>(.*?)</${element}>`, "s").exec(page)?.[1] ?? "";
        return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
      };
      expect(policyOfPage.replaceAll("&#39;", "'").split("; ")).toEqual([
        ...["default-src 'none'", `style-src ${hashOf("style")}`, `script-src ${hashOf("script")}`],
        ...["img-src data:", "base-uri 'none'", "form-action 'none'"],
      ]);
      // A `>` of others is escaped, so that each of these is a whole tag; what its attributes say is no attribute.
      const tags = (page.match(/<[^>]*>/g) ?? []).map((tag) => tag.replaceAll(/"[^"]*"/g, ""));
      expect(tags.filter((tag) => /\s(?:src|srcset|action|style|on[a-z]+)\b/.test(tag))).toEqual([]);
      expect(page.match(/<(?:script|style|link|img|iframe|object|embed|form|base)\b/g)).toEqual([
        ...["<link", "<style", "<script"],
      ]);
      expect(page).not.toMatch(/url\(|@import/);
    }
  });

  test("escapes every word that it is given, follows no strange link, and cuts what is endless", () => {
    const page = statusPage(hostileReport());
    expect(page).not.toContain("<img");
    expect(page).not.toContain("\u202e");
    expect(page).not.toContain("javascript:");
    expect(page).not.toMatch(/href="(?!#|https:\/\/github\.com\/|data:,")/);
    expect(page.match(/&lt;img src=x onerror=alert\(2\)&gt;/g)?.length).toBeGreaterThan(5);
    expect(page).not.toMatch(/x{601}/);
  });

  test("sets what a person types apart, escaped like all else", () => {
    const remedy = "Run `lifeboat list <b>`, then `x";
    const findings = shopReport().judgement.findings.map((one) => ({ ...one, remedy }));
    const page = statusPage({ ...shopReport(), judgement: { isWell: false, findings } });
    expect(page).toContain("Run <code>lifeboat list &lt;b&gt;</code>, then `x ");
  });

  test("has no moment but that of its judgement", () => {
    expect(statusPage(shopReport()).replaceAll(/[0-9a-f]{12}/g, "")).toBe(
      statusPage({ ...shopReport(), now: new Date(now) }).replaceAll(/[0-9a-f]{12}/g, ""),
    );
  });
});
