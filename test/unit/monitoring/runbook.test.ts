/**
 * Every code that the monitor can name has its section in the runbook, one that helps; no section is about nothing, and
 * what it tells people to type and to follow exists.
 */
import { existsSync, readFileSync } from "node:fs";
import { Command } from "commander";
import { describe, expect, test } from "vitest";
import { commands } from "../../../src/cli/run-cli.ts";
import { monitorCatalogue, type MonitorEntry } from "../../../src/monitoring/catalogue.ts";

const page = readFileSync("docs/runbook.md", "utf8");
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((text) => [text.split("\n")[0]!, text]),
);
const entries: readonly (readonly [string, MonitorEntry])[] = Object.entries(monitorCatalogue);

test("the runbook has a section for each code", () => {
  expect([...sections.keys()].sort()).toEqual(Object.keys(monitorCatalogue).sort());
});

describe.each(entries)("the section %s", (code, { level, title }) => {
  const text = sections.get(code) ?? "";

  test("says how bad it is, what it means, what to look at, what to do, and when to worry", () => {
    expect(text).toContain(`_${level === "error" ? "Error" : "Warning"}: ${title}._`);
    const parts = ["What it means.", "Look first.", "Do.", "Worry when"];
    const places = parts.map((part) => text.indexOf(`\n**${part}** `));
    expect(places).not.toContain(-1);
    expect(places).toEqual(places.toSorted((one, other) => one - other));
    for (const [index, place] of places.entries()) {
      const part = text.slice(place, places[index + 1]).replace(/\*\*.*?\*\*/, "");
      expect(part.trim().split(/\s+/).length, parts[index]).toBeGreaterThan(8);
    }
  });
});

const typed = [...page.matchAll(/lifeboat ((?:ledger )?[a-z-]+)([^`\n#]*)/g)]
  .filter(([whole]) => !whole.startsWith("lifeboat-"))
  .map(([, path, rest]) => ({ path: path!, flags: rest!.match(/--[a-z-]+/g) ?? [] }));

test("has commands", () => {
  expect(typed.length).toBeGreaterThan(20);
});

test.each(typed)("has the command $path with $flags, as the command line knows it", ({ path, flags }) => {
  const command = commands.find((one) => one.path.join(" ") === path);
  expect(command, path).toBeDefined();
  const known = command!.configure(new Command()).options.map(({ long }) => long);
  expect(known).toEqual(expect.arrayContaining(flags));
});

test.each([...new Set([...page.matchAll(/\]\(([^)]+)\)/g)].map(([, target]) => target!))])(
  "links to %s, which is there",
  (target) => {
    const [file, anchor] = target.split("#");
    const path = file === "" ? "docs/runbook.md" : `docs/${file}`;
    expect(existsSync(path), path).toBe(true);
    if (anchor === undefined) return;
    const anchors = [...readFileSync(path, "utf8").matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
      heading!
        .toLowerCase()
        .replaceAll(/[^\w -]/g, "")
        .replaceAll(" ", "-"),
    );
    expect(anchors).toContain(anchor);
  },
);
