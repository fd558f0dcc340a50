/** What docs/old-procedures.md points at is really there, and the figures of docs/limits.md follow from its method. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { repositoryRoot, textOf, yamlOf } from "../../support/workflow-files.ts";

const page = textOf("docs/old-procedures.md");
const named = [...page.matchAll(/`((?:actions|docs|examples|test|\.github)\/[^`]+)`/g)].map(
  ([, path]) => path!,
);

describe("docs/old-procedures.md", () => {
  test.each([...new Set(named)])("names %s, which exists", (path) => {
    expect(existsSync(join(repositoryRoot, path))).toBe(true);
  });

  test("names jobs that their workflows have", () => {
    const lines = [...page.matchAll(/`(\.github\/workflows\/[a-z-]+\.yml)` job `([a-z-]+)`/g)];
    expect(lines.length).toBeGreaterThan(10);
    for (const [line, path, job] of lines) expect(Object.keys(yamlOf(path!).jobs), line).toContain(job);
  });

  test("says of every item what proves it, or that nothing does", () => {
    const rows = page.split("\n").filter((line) => /^\| (?!-|old|component)/.test(line));
    expect(rows.length).toBeGreaterThan(30);
    for (const row of rows) expect(/`test\/|[Nn]ot yet/.test(row), row).toBe(true);
  });
});

describe("docs/limits.md", () => {
  const limits = textOf("docs/limits.md").replaceAll(/ +/g, " ");
  const job = (gigabytes: number): number => 1 + Math.ceil((gigabytes * 1000) / 50 / 60);
  const withCommas = (value: number): string => value.toLocaleString("en-US");

  test("has the minutes that its method gives", () => {
    const small = 30 * (3 + 2 * job(0.2)) + 30;
    const medium = 720 * (3 + 2 * job(5)) + 30 * (job(0.2) + job(20)) + 120 + 4 * (3 + job(5) + job(20));
    const large = 30 * (3 + 2 * job(100) + job(10) + job(1000)) + 690 + 120 + 4 * (3 + job(100) + job(1000));
    const cells = [small, medium, large].map((minutes) => `**${withCommas(minutes)}**`);
    expect(limits).toContain(`| **minutes a month** | ${cells.join(" | ")} |`);
    const beyond = [medium, large].map((minutes) => `$${Math.round((minutes - 2000) * 0.006)}`);
    expect(limits).toContain(`| beyond 2,000 free ones | – | ${beyond.join(" | ")} |`);
  });

  test.each([
    ["daily: 30d, weekly: 90d", 30 + 13 - 4],
    ["daily: 14d, weekly: 30d", 14 + 5 - 2],
    ["daily: 7d, weekly: 30d", 7 + 5 - 1],
    ["daily: 7d", 7],
  ])("has the largest database for `%s`", (retention, snapshots) => {
    const row = limits.split("\n").find((line) => line.startsWith(`| \`${retention}\``));
    const sealed = Math.floor((500 / snapshots) * 10) / 10;
    expect(row).toContain(`| ${snapshots} | ${sealed} MB | ${Math.floor((500 / snapshots) * 4)} MB |`);
  });
});
