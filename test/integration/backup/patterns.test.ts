import { expect, test } from "vitest";
import { toolPath } from "../../../src/postgres/client-tools.ts";
import { exactPattern } from "../../../src/postgres/dump-parts.ts";
import { quoteIdentifier } from "../../../src/postgres/identifiers.ts";
import { libpqEnvironment } from "../../../src/postgres/libpq.ts";
import { runTool } from "../../../src/system/process.ts";
import { type Major, majorsWithClients, type TestServer } from "../../support/servers.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { connectionTo, toolsOf } from "./backing-up.ts";

interface Name {
  readonly schema: string;
  readonly name: string;
}

const written = [
  ...[
    "select",
    "SELECT",
    "aab",
    "AAB",
    "a.b",
    "a?b",
    "a_b",
    "a*b",
    "a|b",
    "a",
    "b",
    "ab",
    "AB",
    '"',
    '""',
    '"a"',
    '"a"."b"',
  ],
  ...[
    "\\",
    "\\\\",
    "\\u0061",
    "\\d",
    "a\\",
    "a\nb",
    "\n",
    "\r\n",
    "\t",
    "\u0001",
    "\u007f",
    " ",
    "  ",
    " a",
    "a ",
    "'",
    "$",
    "a$",
    "^a",
    "^(a)$",
  ],
  ...[
    "*",
    "?",
    "$$",
    "[a-z]",
    "[",
    "]",
    "(",
    "(a)",
    "a|a.b",
    "{1}",
    "a{1}",
    "+",
    "a+",
    ".",
    "..",
    ".a",
    "public",
    "public.a",
    "--table=a",
    "-t",
    "%s",
    "%",
    ";",
  ],
  ...[
    "É",
    "é",
    "İ",
    "i",
    "I",
    "ı",
    "ß",
    "ẞ",
    "😀",
    "😀😀",
    "\u00a0",
    "a\u00a0b",
    "Ünï",
    "ünï",
    "ÜNÏ",
    "e\u0301",
    "日本",
    "ﬁ",
    "\u200b",
    "\u2028",
  ],
  ...[
    "x".repeat(63),
    "X".repeat(63),
    "ü".repeat(31),
    "😀".repeat(15),
    "?".repeat(63),
    '"'.repeat(63),
    "\\".repeat(63),
    "null",
    "pg_class",
    "1",
    "1a",
    "_",
  ],
];
const alphabet = Array.from(`aAbB.*?$[]|()^+{}"\\' \n\t_-%éÉİ😀\u00a0`);

/** The same names in every run: a failure can be looked at again. */
function names(count: number, allowed: (name: string) => boolean): readonly Name[] {
  let seed = 20_261_123;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((seed / 0x80000000) * below);
  };
  const distinct = new Set(written.filter(allowed));
  while (distinct.size < count) {
    const name = Array.from({ length: 1 + random(8) }, () => alphabet[random(alphabet.length)]).join("");
    if (allowed(name)) distinct.add(name);
  }
  // Every fourth stands in a schema as nasty as itself, the others side by side.
  return [...distinct].map((name, index) => ({
    schema: index % 4 === 0 && !name.startsWith("pg_") ? name : "public",
    name,
  }));
}

async function create(
  server: TestServer,
  database: string,
  all: readonly Name[],
): Promise<Map<string, string>> {
  const statements = all.map(({ schema, name }) => {
    const table = `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
    return `create schema if not exists ${quoteIdentifier(schema)}; create table ${table} as select 1 as one;`;
  });
  await server.sql(database, `set client_min_messages = error; ${statements.join("\n")}`);
  const rows = await server.sql(
    database,
    `select c.oid::text as oid, n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`,
  );
  return new Map(rows.map((row) => [JSON.stringify([row["schema"], row["name"]]), row["oid"] ?? ""]));
}

/** oids of the tables whose rows stand in the archive; its table of contents mangles names, never oids. */
async function oidsDumped(
  server: TestServer,
  database: string,
  args: readonly string[],
): Promise<Set<string>> {
  const tools = await toolsOf(server.major);
  const { stdout: archive } = await runTool({
    program: toolPath(tools, "pg_dump"),
    args: ["--format=custom", "--compress=0", "--encoding=UTF8", "--no-password", "--section=data", ...args],
    env: libpqEnvironment(connectionTo(server, database)),
  });
  const listed = await runTool(
    { program: toolPath(tools, "pg_restore"), args: ["--list"] },
    { input: archive },
  );
  return new Set(
    Array.from(listed.stdout.toString().matchAll(/^\d+; \d+ (\d+) TABLE DATA /gm), ([, oid]) => oid ?? ""),
  );
}

/**
 * Two tables differ in one bit of their number at least, so one of these groups has only the one and another only the
 * other: whatever a pattern takes too much or too little shows in some group.
 */
function groups(all: readonly Name[]): readonly (readonly Name[])[] {
  const bits = Math.ceil(Math.log2(all.length));
  return Array.from({ length: bits }, (_, bit) =>
    [0, 1].map((one) => all.filter((_name, n) => ((n >> bit) & 1) === one)),
  ).flat();
}

async function expectExact(server: TestServer, database: string, all: readonly Name[]): Promise<void> {
  const oids = await create(server, database, all);
  expect(oids.size).toBe(all.length);
  const oidOf = ({ schema, name }: Name): string => oids.get(JSON.stringify([schema, name])) ?? "";
  for (const group of groups(all)) {
    const wanted = new Set(group.map(oidOf));
    const patterns = group.map(exactPattern);
    const taken = await oidsDumped(
      server,
      database,
      patterns.map((pattern) => `--table=${pattern}`),
    );
    expect(taken).toEqual(wanted);
    const left = await oidsDumped(
      server,
      database,
      patterns.map((pattern) => `--exclude-table-data=${pattern}`),
    );
    expect(left).toEqual(new Set([...oids.values()].filter((oid) => !wanted.has(oid))));
  }
}

const count = 256;
const fits = (name: string): boolean => Buffer.byteLength(name) <= 63;
const isLatin1 = (name: string): boolean => /^[\x01-\x7f\xa0-\xff]*$/.test(name);

test.each(await majorsWithClients([15, 17]))(
  "PostgreSQL %i: each pattern takes exactly its table",
  async (major: Major) => {
    const server = await sharedServer(major);
    await server.createDatabase("patterns");
    await expectExact(server, "patterns", names(count, fits));
  },
);

test.each(await majorsWithClients([15, 17]))(
  "PostgreSQL %i: the same in a LATIN1 database",
  async (major: Major) => {
    const server = await sharedServer(major);
    await server.createDatabase("patterns in latin1", { encoding: "LATIN1", locale: "C" });
    await expectExact(
      server,
      "patterns in latin1",
      names(count / 2, (name) => fits(name) && isLatin1(name)),
    );
  },
);

test("a pattern shows no ASCII character of a name", () => {
  for (const name of names(1000, fits)) {
    expect(exactPattern(name)).toMatch(
      /^(?:\\u00[0-7][0-9a-f]|"[^\x00-\x7f]+")+\.(?:\\u00[0-7][0-9a-f]|"[^\x00-\x7f]+")+$/u,
    );
  }
  expect(exactPattern({ schema: "ab", name: "cÉİ" })).toBe(String.raw`\u0061\u0062.\u0063"Éİ"`);
});
