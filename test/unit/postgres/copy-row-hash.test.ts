import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addHashes, columnSeed, nullCell } from "../../../src/postgres/content-hash.ts";
import { createRowHasher, unescapeCell } from "../../../src/postgres/copy-row-hash.ts";
import { hashTextExtended } from "../../../src/postgres/hashtext-extended.ts";

type Cell = string | null;

/** `lifeboat-1` as its definition reads, slowly. */
function definition(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  let sum = 0n;
  for (const row of rows) {
    let cells = 0n;
    row.forEach((cell, index) => {
      const seed = columnSeed(columns[index] ?? "");
      cells ^= cell === null ? nullCell(seed) : hashTextExtended(cell, seed);
    });
    sum += columns.length === 0 ? 0n : hashTextExtended(BigInt.asUintN(64, cells).toString(16), 0n);
  }
  return BigInt.asUintN(64, sum).toString(16).padStart(16, "0");
}

/** COPY's escapes as the server writes them. */
function copyText(cell: Cell): string {
  if (cell === null) return "\\N";
  const escapes: Record<string, string> = {
    "\b": "b",
    "\f": "f",
    "\n": "n",
    "\r": "r",
    "\t": "t",
    "\v": "v",
    "\\": "\\",
  };
  return cell.replaceAll(/[\b\f\n\r\t\v\\]/g, (character) => `\\${escapes[character] ?? ""}`);
}

function fromLines(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const hasher = createRowHasher(columns);
  for (const row of rows) {
    const line = Buffer.from(`??${row.map(copyText).join("\t")}\t?`);
    hasher.add(line, 2, line.length - 2);
  }
  expect(hasher.result().rows).toBe(rows.length);
  return hasher.result().hash;
}

const nasty = fc.string({
  unit: fc.constantFrom(
    "a",
    "N",
    "\\",
    ".",
    "\n",
    "\t",
    "\r",
    "\b",
    "\f",
    "\v",
    "x",
    "0",
    "7",
    "ü",
    "😀",
    "\x01",
    " ",
  ),
});

describe("createRowHasher", () => {
  test("computes the definition for any cells", () => {
    const table = fc.uniqueArray(fc.string({ minLength: 1 }), { maxLength: 6 }).chain((columns) =>
      fc.tuple(
        fc.constant(columns),
        fc.array(
          fc.array(
            fc.oneof(
              nasty,
              fc.string({ unit: "grapheme" }).filter((text) => !text.includes("\0")),
              fc.constant(null),
            ),
            {
              minLength: columns.length,
              maxLength: columns.length,
            },
          ),
        ),
      ),
    );
    fc.assert(
      fc.property(table, ([columns, rows]) => {
        expect(fromLines(columns, rows)).toBe(definition(columns, rows));
      }),
      { numRuns: 2000 },
    );
  });

  test("tells null from the text \\N and from nothing", () => {
    const hashes = [null, "\\N", "", "N", "\\\\N", "\\."].map((cell) => fromLines(["a"], [[cell]]));
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  test("sees a cell change places, a row twice, a value under another name", () => {
    const hash = fromLines(
      ["a", "b"],
      [
        ["1", "2"],
        ["3", "4"],
      ],
    );
    expect(
      fromLines(
        ["a", "b"],
        [
          ["1", "4"],
          ["3", "2"],
        ],
      ),
    ).not.toBe(hash);
    expect(
      fromLines(
        ["a", "b"],
        [
          ["2", "1"],
          ["3", "4"],
        ],
      ),
    ).not.toBe(hash);
    expect(
      fromLines(
        ["a", "b"],
        [
          ["1", "2"],
          ["1", "2"],
        ],
      ),
    ).not.toBe(
      fromLines(
        ["a", "b"],
        [
          ["3", "4"],
          ["3", "4"],
        ],
      ),
    );
    expect(
      fromLines(
        ["a", "c"],
        [
          ["1", "2"],
          ["3", "4"],
        ],
      ),
    ).not.toBe(hash);
  });

  test("does not see the order of rows or columns", () => {
    const hash = fromLines(
      ["a", "b"],
      [
        ["1", "2"],
        ["3", "4"],
      ],
    );
    expect(
      fromLines(
        ["a", "b"],
        [
          ["3", "4"],
          ["1", "2"],
        ],
      ),
    ).toBe(hash);
    expect(
      fromLines(
        ["b", "a"],
        [
          ["2", "1"],
          ["4", "3"],
        ],
      ),
    ).toBe(hash);
  });

  test("carries past 64 bits when many rows are added", () => {
    const rows = Array.from({ length: 5000 }, (_, index) => [String(index)]);
    expect(fromLines(["n"], rows)).toBe(definition(["n"], rows));
    const halves = [rows.slice(0, 1234), rows.slice(1234)].map((half) => fromLines(["n"], half));
    expect(addHashes(halves[0] ?? "", halves[1] ?? "")).toBe(definition(["n"], rows));
  });

  test("undoes escapes of a cell that is too long to copy, and goes on behind it", () => {
    const long = "back\\slash\n".repeat(200_000);
    const rows = [
      ["1", long, "after"],
      ["2", "short\t", "after"],
      ["3", `${long}x`, "\\"],
    ];
    expect(fromLines(["a", "b", "c"], rows)).toBe(definition(["a", "b", "c"], rows));
  });

  test.each([
    [["a", "b"], "1"],
    [["a", "b"], "1\t2\t3"],
    [["a"], "1\t"],
    [["a", "b"], "1\\\t2"],
    [[], "1"],
  ])("refuses a row whose cells are not those of %j: %j", (columns, text) => {
    const line = Buffer.from(text);
    expect(() => createRowHasher(columns).add(line, 0, line.length)).toThrow(/more or fewer cells/);
  });
});

test.each([
  [String.raw`\b\f\n\r\t\v\\`, "\b\f\n\r\t\v\\"],
  [String.raw`\x41\x4a4\xg\x`, "AJ4xgx"],
  [String.raw`\101\7\12x\0018\400`, "A\x07\nx\x018\x00"],
  [String.raw`\N\.\a\"`, 'N.a"'],
  ["end\\", "end"],
])("unescapes %j as COPY FROM does", (written, meant) => {
  const bytes = Buffer.from(written);
  const target = new Uint8Array(bytes.length);
  const length = unescapeCell(bytes, 0, bytes.length, target);
  expect(Buffer.from(target.subarray(0, length)).toString("latin1")).toBe(meant);
});
