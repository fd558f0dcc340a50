import { describe, expect, test } from "vitest";
import type { DatabaseContents } from "../../../src/snapshot/contents.ts";
import { compareDatabases, judge } from "../../../src/verification/compare-database.ts";
import { worstVerdict } from "../../../src/verification/findings.ts";
import { applyWaivers } from "../../../src/verification/waivers.ts";

const hash = (n: number): string => n.toString(16).padStart(16, "0");
const counted: DatabaseContents["tables"][number] = {
  oid: 1,
  schema: "public",
  name: "t",
  kind: "table",
  unlogged: false,
  columns: ["a"],
  bytes: 1,
  rows: 5,
};
const table = { ...counted, hash: hash(5) };
const backup: DatabaseContents = {
  properties: {
    ...{ name: "shop", owner: "me", encoding: "UTF8", collate: "C", ctype: "C", localeProvider: "libc" },
    ...{ locale: null, comment: null, connectionLimit: -1, acl: null, settings: [] },
  },
  server: { version: "15.18", major: 15 },
  client: { version: "15.18" },
  moment: { time: "2026-11-23T03:12:07Z" },
  extensions: [{ name: "citext", version: "1.6", schema: "public" }],
  roles: [],
  tables: [{ ...table }],
  sequences: [{ schema: "public", name: "s", lastValue: "9", isCalled: true, increment: "1" }],
  objects: [
    { kind: "policy", identity: "public.t p", definition: "using (true)" },
    { kind: "acl", identity: "relation public.t", definition: "me=r/me" },
  ],
  largeObjects: { count: 2, hash: hash(2) },
};
const policy = backup.objects[0] as DatabaseContents["objects"][number];
const acl = backup.objects[1] as DatabaseContents["objects"][number];

function compare(
  found: Partial<DatabaseContents>,
  expected: Partial<DatabaseContents> = {},
): readonly string[] {
  const limits = { deparsedKinds: new Set(["policy"]) };
  return compareDatabases({ ...backup, ...expected }, { ...backup, ...found }, limits)
    .filter(({ verdict }) => verdict !== "passed")
    .flatMap(({ component, verdict, findings }) =>
      findings.map(({ code }) => `${component} ${verdict}: ${code}`),
    );
}

const sequence = (lastValue: string | null, isCalled: boolean | null = true, increment = "1") => ({
  sequences: [{ schema: "public", name: "s", lastValue, isCalled, increment }],
});

describe("each difference has its finding", () => {
  test.each<[string, Partial<DatabaseContents>, string[], Partial<DatabaseContents>?]>([
    ["nothing", {}, []],
    ["a missing table", { tables: [] }, ["tables failed: table-missing"]],
    [
      "a table more",
      { tables: [table, { ...table, oid: 2, name: "u" }] },
      ["tables failed: table-unexpected"],
    ],
    ["a row less", { tables: [{ ...table, rows: 4 }] }, ["tables failed: rows-differ"]],
    ["other content", { tables: [{ ...table, hash: hash(6) }] }, ["tables failed: content-differs"]],
    ["a sequence less", { sequences: [] }, ["sequences failed: sequence-missing"]],
    ["a sequence behind", sequence("8"), ["sequences failed: sequence-behind"]],
    ["a sequence ahead", sequence("10"), []],
    [
      "a sequence that would give its value again",
      sequence("9", false),
      ["sequences failed: sequence-behind"],
    ],
    ["an unreadable sequence", sequence(null, null), ["sequences not-verified: sequence-unreadable"]],
    [
      "a falling sequence behind",
      sequence("-8", true, "-1"),
      ["sequences failed: sequence-behind"],
      sequence("-9", true, "-1"),
    ],
    ["a falling sequence ahead", sequence("-10", true, "-1"), [], sequence("-9", true, "-1")],
    ["a large object less", { largeObjects: { count: 1 } }, ["large-objects failed: large-objects-differ"]],
    [
      "another large object",
      { largeObjects: { count: 2, hash: hash(3) } },
      ["large-objects failed: large-objects-differ"],
    ],
    [
      "large objects without hash",
      { largeObjects: { count: 2 } },
      ["large-objects not-verified: content-not-hashed"],
    ],
    ["an extension less", { extensions: [] }, ["extensions not-verified: extension-missing"]],
    [
      "an extension elsewhere",
      { extensions: [{ name: "citext", version: "1.6", schema: "x" }] },
      ["extensions failed: extension-differs"],
    ],
    ["a newer extension", { extensions: [{ name: "citext", version: "1.7", schema: "public" }] }, []],
    [
      "another encoding",
      { properties: { ...backup.properties, encoding: "LATIN1" } },
      ["database failed: property-differs"],
    ],
    ["a policy less", { objects: [acl] }, ["policy failed: policy-missing"]],
    [
      "a policy more",
      { objects: [acl, policy, { ...policy, identity: "q" }] },
      ["policy failed: policy-unexpected"],
    ],
    ["a wider grant", { objects: [policy, { ...acl, definition: "me=rw/me" }] }, ["acl failed: acl-differs"]],
    [
      "another major's spelling",
      { server: { version: "17", major: 17 }, objects: [acl, { ...policy, definition: "x" }] },
      ["policy not-verified: policy-not-compared"],
    ],
  ])("%s", (_what, found, findings, expected = {}) => {
    expect(compare(found, expected)).toEqual(findings);
  });

  test("a backup without hashes is not verified, whatever was restored", () => {
    expect(compare({}, { tables: [counted] })).toEqual(["tables not-verified: content-not-hashed"]);
  });

  test("no public sentence names anything from inside", () => {
    const found = { tables: [], sequences: [], objects: [], extensions: [] };
    const verdicts = compareDatabases(backup, { ...backup, ...found }, { deparsedKinds: new Set() });
    const sentences = verdicts.flatMap(({ findings }) =>
      findings.map(({ publicSentence }) => publicSentence),
    );
    expect(sentences).toHaveLength(5);
    for (const sentence of sentences) expect(sentence).not.toMatch(/"|public\.|citext/);
  });
});

describe("verdicts and waivers", () => {
  const finding = (level: "info" | "warning" | "error", code: string, sentence = code) =>
    ({ level, code, sentence, publicSentence: code, remedy: "" }) as const;

  test("the worst counts, and nothing at all proves nothing", () => {
    expect(worstVerdict(["passed", "not-verified", "failed"])).toBe("failed");
    expect(worstVerdict(["passed", "not-verified"])).toBe("not-verified");
    expect(worstVerdict([])).toBe("not-verified");
    expect(judge("a", 0, []).verdict).toBe("passed");
    expect(judge("a", 1, [finding("info", "x")]).verdict).toBe("passed");
  });

  test("a waiver turns not-verified into passed, shows it, and never touches what failed", () => {
    const open = judge("rows", 1, [finding("warning", "content-not-hashed")]);
    const bad = judge("rows", 1, [finding("warning", "w"), finding("error", "e")]);
    expect(applyWaivers([open], ["rows"])).toMatchObject([
      { verdict: "passed", findings: [{ sentence: "Waived: content-not-hashed" }] },
    ]);
    expect(applyWaivers([open], ["tables"])).toMatchObject([{ verdict: "not-verified" }]);
    expect(applyWaivers([bad], ["rows"])).toMatchObject([{ verdict: "failed" }]);
  });

  test("an extension is waived by its own name only", () => {
    const two = judge("extensions", 2, [
      finding("warning", "extension-missing", "Extension pg_cron is not available here"),
      finding("warning", "extension-missing", "Extension pg_cron_2 is not available here"),
    ]);
    expect(applyWaivers([two], ["extension:pg_cron"])).toMatchObject([{ verdict: "not-verified" }]);
    expect(applyWaivers([two], ["extension:pg_cron", "extension:pg_cron_2"])).toMatchObject([
      { verdict: "passed" },
    ]);
  });
});
