import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readCopyLines } from "../../../src/postgres/copy-lines.ts";

interface Seen {
  readonly table: string;
  readonly columns: readonly string[];
  readonly rows: string[];
}

async function* inChunks(text: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let turn = 0; at < text.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    // The reader may not hold on to a chunk: it is overwritten after its turn, as a pool's buffer is.
    const chunk = Buffer.from(text.subarray(at, at + size));
    yield chunk;
    chunk.fill(0x58);
    at += size;
    await Promise.resolve();
  }
}

async function read(text: string, sizes: readonly number[] = [64]): Promise<Seen[]> {
  const seen: Seen[] = [];
  await readCopyLines(inChunks(Buffer.from(text), sizes), ({ schema, name, columns }) => {
    const rows: string[] = [];
    seen.push({ table: `${schema}|${name}`, columns, rows });
    return (bytes, start, end) => rows.push(Buffer.from(bytes.subarray(start, end)).toString());
  });
  return seen;
}

const dump = String.raw`--
-- PostgreSQL database dump; COPY app.no (a) FROM stdin;
--

\restrict x'y
SET client_encoding = 'UTF8'; /* COPY app.no (a) FROM stdin;
/* nested */ COPY app.no (a) FROM stdin;
*/
COPY app.animals (id, name) FROM stdin;
1	worm
2	COPY app.no (a) FROM stdin;
3	\\.
4	'"$$
\.


COPY "Sch.1"."new
line ""q"" (x) FROM stdin;" ("a, b", "c
d", "e)", upper$1, "Ünï") FROM stdin;
\.
COPY app.zero_columns  FROM stdin;


\.
SELECT pg_catalog.lo_open('424201', 131072);
COMMENT ON LARGE OBJECT 424201 IS 'it''s
COPY app.no (a) FROM stdin;
1
\.
';
CREATE FUNCTION app.f() RETURNS void AS $tag$
COPY app.no (a) FROM stdin;
$$ $other$ '
\.
$tag$; SELECT E'\'
COPY app.no (a) FROM stdin;
', a$1$, U&'x';
COPY (SELECT 1) TO stdout;
COPY app.animals (id, name) FROM stdin;
5	last
\.
\unrestrict x'y
`;

const expected: Seen[] = [
  {
    table: "app|animals",
    columns: ["id", "name"],
    rows: ["1\tworm", "2\tCOPY app.no (a) FROM stdin;", String.raw`3	\\.`, `4\t'"$$`],
  },
  {
    table: 'Sch.1|new\nline "q" (x) FROM stdin;',
    columns: ["a, b", "c\nd", "e)", "upper$1", "Ünï"],
    rows: [],
  },
  { table: "app|zero_columns", columns: [], rows: ["", ""] },
  { table: "app|animals", columns: ["id", "name"], rows: ["5\tlast"] },
];

describe("readCopyLines", () => {
  test("finds the rows and nothing that only looks like them", async () => {
    expect(await read(dump)).toEqual(expected);
  });

  test("does not depend on where chunks end", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }), async (sizes) => {
        expect(await read(dump, sizes)).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  test("takes a row far larger than a chunk", async () => {
    const row = "x".repeat(3_000_000);
    const [table] = await read(`COPY a.b (c) FROM stdin;\n${row}\nnext\n\\.\n`, [65_536]);
    expect(table?.rows.map((line) => line.length)).toEqual([3_000_000, 4]);
  });

  test.each([
    ["in a row", "COPY a.b (c) FROM stdin;\n1\n"],
    ["in a row's middle", "COPY a.b (c) FROM stdin;\n1\nx"],
    ["right after the statement", "COPY a.b (c) FROM stdin;\n"],
    ["in a statement", "COPY a.b (c) FROM"],
    ["in a string", "SELECT 'a\n;\n"],
    ["in a quoted name", 'COPY a."b (c) FROM stdin;\n1\n\\.\n'],
    ["in a function's body", "SELECT $$ a;\n"],
  ])("fails where the text breaks off %s", async (_, text) => {
    await expect(read(text)).rejects.toMatchObject({ code: "snapshot-damaged" });
  });

  test("any name survives", async () => {
    const name = fc.string({
      unit: fc.constantFrom(
        "a",
        "B",
        '"',
        "\\",
        ".",
        "\n",
        "\t",
        "'",
        "$",
        ";",
        "(",
        ")",
        ",",
        " ",
        "ü",
        "-",
        "*",
        "/",
        "😀",
      ),
      minLength: 1,
    });
    const quote = (text: string): string => `"${text.replaceAll('"', '""')}"`;
    await fc.assert(
      fc.asyncProperty(name, name, fc.array(name), async (schema, table, columns) => {
        const list = columns.length === 0 ? "" : `(${columns.map(quote).join(", ")})`;
        const text = `COPY ${quote(schema)}.${quote(table)} ${list} FROM stdin;\nrow\n\\.\n`;
        expect(await read(text, [7])).toEqual([{ table: `${schema}|${table}`, columns, rows: ["row"] }]);
      }),
      { numRuns: 500 },
    );
  });
});
