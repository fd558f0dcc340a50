import { describe, expect, test } from "vitest";
import { expectationError, sizeFindings } from "../../../src/operations/compare-with-previous.ts";
import type { SnapshotJson } from "../../../src/snapshot/snapshot-json.ts";

type Totals = Partial<SnapshotJson["totals"]>;

function made(totals: Totals, more: Partial<SnapshotJson> = {}): SnapshotJson {
  const moment = "2026-11-30T12:00:00.000Z";
  return {
    id: "20261130T120000Z-000000000001",
    source: "shop",
    kind: "database",
    state: "whole",
    tiers: ["daily"],
    times: { started: moment, snapshot: moment, finished: moment },
    totals: { tables: 10, rows: 1000, objects: 0, rawBytes: 50_000, sealedBytes: 10_000, ...totals },
    ...more,
  } as SnapshotJson;
}

const before = (totals: Totals = {}, more: Partial<SnapshotJson> = {}): SnapshotJson =>
  made(totals, { id: "20261129T120000Z-000000000000", ...more });
const codes = (snapshot: SnapshotJson, previous?: SnapshotJson): readonly string[] =>
  sizeFindings(snapshot, previous).map(({ code }) => code);
const objects = (count: number): Totals => ({ tables: 0, rows: 0, objects: count });

describe("what a backup says of itself", () => {
  test.each<
    [name: string, snapshot: SnapshotJson, previous: SnapshotJson | undefined, expected: readonly string[]]
  >([
    ["the same again", made({}), before(), []],
    ["1,000 rows are gone", made({ rows: 0 }), before(), ["anomaly-shrunk"]],
    ["more than half of the rows", made({ rows: 499 }), before(), ["anomaly-shrunk"]],
    ["exactly half of them", made({ rows: 500 }), before(), []],
    ["three rows become one", made({ rows: 1 }), before({ rows: 3 }), []],
    ["three rows become none", made({ rows: 0 }), before({ rows: 3 }), []],
    ["five rows become none", made({ rows: 0 }), before({ rows: 5 }), ["anomaly-shrunk"]],
    [
      "the only table is gone",
      made({ tables: 0, rows: 0 }),
      before({ tables: 1, rows: 2 }),
      ["anomaly-shrunk", "backup-empty"],
    ],
    ["a first one without tables", made({ tables: 0, rows: 0 }), undefined, ["backup-empty"]],
    ["a first one without rows", made({ rows: 0 }), undefined, ["backup-empty"]],
    ["a first one", made({}), undefined, []],
    [
      "another database",
      made({}, { origin: "b" }),
      before({}, { origin: "a" }),
      ["anomaly-another-database"],
    ],
    ["one whose origin nobody knew", made({}, { origin: "b" }), before(), []],
    [
      "emptied buckets",
      made(objects(0), { kind: "storage" }),
      before(objects(50), { kind: "storage" }),
      ["anomaly-shrunk"],
    ],
    ["first buckets without objects", made(objects(0), { kind: "storage" }), undefined, ["backup-empty"]],
    [
      "the one before claims a later moment",
      made({ rows: 0 }),
      before(
        {},
        {
          times: {
            started: "2028-01-01T00:00:00Z",
            snapshot: "2028-01-01T00:00:00Z",
            finished: "2028-01-01T00:00:00Z",
          },
        },
      ),
      ["anomaly-shrunk"],
    ],
  ])("%s", (_, snapshot, previous, expected) => {
    expect(codes(snapshot, previous)).toEqual(expected);
  });

  test("less than the policy expects is an error that names both numbers", () => {
    expect(expectationError(made({ rows: 999 }), { rows: 1000, tables: 10 })).toMatchObject({
      code: "backup-below-expectation",
      exitCode: 3,
      message: expect.stringContaining("999 rows where at least 1,000 are expected") as string,
    });
    expect(expectationError(made({}), { rows: 1000, tables: 10 })).toBeUndefined();
    expect(expectationError(made({}))).toBeUndefined();
  });
});
