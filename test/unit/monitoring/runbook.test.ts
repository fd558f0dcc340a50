/** Every code that the monitor can name has its section in the runbook, and no section is about nothing. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { monitorCatalogue } from "../../../src/monitoring/catalogue.ts";

test("the runbook has a section for each code", () => {
  const page = readFileSync("docs/runbook.md", "utf8");
  const sections = [...page.matchAll(/^## (.+)$/gm)].map(([, code]) => code);
  expect(sections.sort()).toEqual(Object.keys(monitorCatalogue).sort());
});
