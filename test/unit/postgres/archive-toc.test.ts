import { describe, expect, test } from "vitest";
import { LifeboatError } from "../../../src/errors.ts";
import { parseToc, tableDataOids } from "../../../src/postgres/archive-toc.ts";

/** Lines as pg_restore 17 wrote them. */
const listing = `;
; Archive created at 2026-11-23 05:00:40 UTC
;     dbname: 1; 2 3 TABLE DATA
;     TOC Entries: 1080
;
; Selected TOC Entries:
;
6; 2615 16400 SCHEMA - app postgres
516; 1259 18462 TABLE Nasty "Schema". Ünï 1; 2 3 TABLE DATA postgres
687; 1259 18454 TABLE DATA things postgres
688; 0 0 COMMENT names TABLE "1; 2 3 TABLE DATA" postgres
700; 0 0 TABLE ATTACH app measurements_2025 postgres
803; 0 18345 TABLE DATA Nasty "Schema". Ünï  postgres
805; 0 18215 TABLE DATA Nasty "Schema". Ünï  COPY x FROM stdin;  postgres
806; 0 16700 MATERIALIZED VIEW DATA app totals postgres
807; 0 0 SEQUENCE SET app cycling postgres
808; 0 0 BLOBS - 424201..424203 postgres
`;

describe("parseToc", () => {
  test("reads every entry's kind and oid", () => {
    expect(parseToc(listing).map((entry) => [entry.kind, entry.oid, entry.label])).toEqual([
      ["SCHEMA", 16400, "- app postgres"],
      ["TABLE", 18462, 'Nasty "Schema". Ünï 1; 2 3 TABLE DATA postgres'],
      ["TABLE", 18454, "DATA things postgres"],
      ["COMMENT", 0, 'names TABLE "1; 2 3 TABLE DATA" postgres'],
      ["TABLE ATTACH", 0, "app measurements_2025 postgres"],
      ["TABLE DATA", 18345, 'Nasty "Schema". Ünï  postgres'],
      ["TABLE DATA", 18215, 'Nasty "Schema". Ünï  COPY x FROM stdin;  postgres'],
      ["MATERIALIZED VIEW DATA", 16700, "app totals postgres"],
      ["SEQUENCE SET", 0, "app cycling postgres"],
      ["BLOBS", 0, "- 424201..424203 postgres"],
    ]);
  });

  test("keeps the line for pg_restore -L", () => {
    expect(parseToc(listing)[0]).toEqual({
      dumpId: 6,
      catalogOid: 2615,
      oid: 16400,
      kind: "SCHEMA",
      label: "- app postgres",
      line: "6; 2615 16400 SCHEMA - app postgres",
    });
  });

  test("refuses a line it does not know", () => {
    expect(() => parseToc("12 TABLE DATA app x postgres\n")).toThrow(LifeboatError);
  });
});

test("tableDataOids names the tables whose rows are there, and no others", () => {
  expect(tableDataOids(listing)).toEqual([18345, 18215]);
});
