/** The matrices that workflows start their jobs from. */
import { expect, test } from "vitest";
import { reportPlan } from "../../../src/actions/plan/report.ts";
import { checkPolicy } from "../../../src/policy/check.ts";

const { policy } = checkPolicy(`version: 1
recipients: [age16wzeuu3vgv6prwug6t78d55uaxqyprlefhyuzcwzl0fjrqlm49jqtvva28]
waive: [second-recipient, signing]
sources:
  shop: { type: postgres, url: { secret: DATABASE_URL } }
  files: { type: supabase-storage, url: { secret: SUPABASE_URL }, key: { secret: SUPABASE_SECRET_KEY }, shards: 2 }
  code: { type: application }
`);

interface Row {
  readonly source: string;
  readonly kind: string;
}

function outputsWhere(dueSources: readonly string[]): Readonly<Record<string, string>> {
  const due = policy!.sources.map((source) => ({
    source,
    tiers: dueSources.includes(source.name) ? (["daily"] as const) : [],
    reasons: [],
  }));
  const plan = { due, firstTimers: ["files"], findings: [] };
  return reportPlan({ plan: plan, findings: [], storageShards: undefined, group: "run-7" }).outputs;
}

const rows = (text: string | undefined): readonly Row[] =>
  (JSON.parse(text ?? "") as { readonly include: readonly Row[] }).include;

test("each kind has a matrix of its own rows, which together are the whole matrix", () => {
  const outputs = outputsWhere(["shop", "files", "code"]);
  const kinds = ["database", "storage", "application"] as const;
  const parts = kinds.map((kind) => rows(outputs[`${kind}-matrix`]));
  parts.forEach((part, at) => expect(new Set(part.map(({ kind }) => kind))).toEqual(new Set([kinds[at]])));
  expect(parts.flat()).toEqual(rows(outputs["matrix"]));
  expect(rows(outputs["storage-matrix"])).toMatchObject([{ shard: "1/2" }, { shard: "2/2" }]);
  expect(outputs["shared"]).toBe("true");
});

test("what is not due has no rows but stands among all sources", () => {
  const outputs = outputsWhere(["code"]);
  expect(rows(outputs["database-matrix"])).toEqual([]);
  expect(rows(outputs["storage-matrix"])).toEqual([]);
  expect(outputs["shared"]).toBe("false");
  expect(rows(outputs["source-matrix"])).toEqual([
    { source: "shop", kind: "database" },
    { source: "files", kind: "storage" },
    { source: "code", kind: "application" },
  ]);
});
