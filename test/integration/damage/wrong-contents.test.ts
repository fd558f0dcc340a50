/** A dump that lied: sealed as it should be, every hash of every file right, and other rows than the database had. */
import { cp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readSealedContents } from "../../../src/operations/sealed-files.ts";
import { contentHashSql } from "../../../src/postgres/content-hash.ts";
import { sessionSettings } from "../../../src/postgres/session-settings.ts";
import { sealDocument, unsealDocument } from "../../../src/seal/seal.ts";
import { type Contents, writeContents } from "../../../src/snapshot/contents.ts";
import { contentsName, snapshotJsonName } from "../../../src/snapshot/keys.ts";
import { readSnapshotJson, writeSnapshotJson } from "../../../src/snapshot/snapshot-json.ts";
import { majorsWithClients } from "../../support/servers.ts";
import { makeReference, type Reference, source } from "./reference.ts";

const [major] = await majorsWithClients([15, 17]);

/** Every name that the hash's own SQL gives to a column or a subquery. */
const aliases = [
  "rows",
  "total",
  "count",
  "sum",
  "row_hash",
  "hash",
  "hashed",
  "summed",
  "reduced",
  "measured",
  "oid",
];

const rows = `
  create schema "Odd ""names""";
  create table big (id int primary key, note text);
  insert into big select i, 'big-' || lpad(i::text, 6, '0') || repeat('x', 1800) from generate_series(1, 5000) i;
  create table small (id int primary key, note text, price numeric);
  insert into small select i, 'small-' || lpad(i::text, 6, '0'), i + 0.25 from generate_series(1, 100) i;
  create table twin (id int primary key, note text, price numeric);
  insert into twin select i, 'twinn-' || lpad(i::text, 6, '0'), i + 0.5 from generate_series(1, 100) i;
  ${aliases
    .map(
      (name) => `
  create table "Odd ""names"""."${name}" (${aliases.map((column) => `"${column}" text`).join(", ")});
  insert into "Odd ""names"""."${name}" select ${aliases.map((column) => `'<${name}/${column}/' || i`).join(", ")}
    from generate_series(1, 3) i;`,
    )
    .join("")}
  analyze`;

describe.skipIf(major === undefined)("a snapshot whose parts are sealed well but hold other rows", () => {
  let reference: Reference;
  let id: string;
  let untouched: string;
  let contents: Contents;

  beforeAll(async () => {
    reference = await makeReference(major!, rows, 1);
    [id = ""] = reference.ids;
    untouched = join(reference.folder, "untouched");
    await cp(reference.at(id), untouched, { recursive: true });
    const snapshot = readSnapshotJson(await readFile(join(untouched, snapshotJsonName)), { source, id });
    contents = await readSealedContents(reference.store, snapshot, reference.identities);
  });
  afterAll(async () => await reference[Symbol.asyncDispose]());

  const partOf = (table: string): string =>
    contents.database?.tables.find(({ name }) => name === table)?.part ?? "";

  /** The whole snapshot made anew around one changed archive, as a lying pg_dump would have made it. */
  async function reseal(
    name: string,
    change: (archive: Buffer) => Buffer,
    changeContents: (contents: Contents) => Contents = (same) => same,
  ): Promise<void> {
    const sealedBytes = await readFile(join(untouched, name));
    const archive = await unsealDocument(sealedBytes, reference.identities, 64 * 1024 * 1024);
    const changed = change(Buffer.from(archive));
    const part = await sealDocument(changed, reference.recipients);
    const files = contents.files.map((file) =>
      file.name === name ? { ...file, ...part.extents, rawBytes: changed.length } : file,
    );
    const inside = await sealDocument(
      writeContents(changeContents({ ...contents, files })),
      reference.recipients,
    );
    const stored = await readFile(join(untouched, snapshotJsonName));
    const { sha256: before, ...outside } = readSnapshotJson(stored, { source, id });
    const extents = new Map([
      [name, part.extents],
      [contentsName, inside.extents],
    ]);
    const listed = outside.files.map((file) => ({ ...file, ...extents.get(file.name) }));
    const snapshotJson = writeSnapshotJson({ ...outside, files: listed });
    expect(Buffer.from(snapshotJson).toString()).not.toContain(before);

    const prepared = join(reference.folder, "prepared");
    await rm(prepared, { recursive: true, force: true });
    await cp(untouched, prepared, { recursive: true });
    await writeFile(join(prepared, name), part.bytes);
    await writeFile(join(prepared, contentsName), inside.bytes);
    await writeFile(join(prepared, snapshotJsonName), snapshotJson);
    await rm(reference.at(id), { recursive: true });
    await rename(prepared, reference.at(id));
  }

  /** Sealed bytes are as recorded, the archive is readable, and yet it fails, at the named table. */
  async function expectBad(code: string, ...tables: readonly string[]): Promise<void> {
    expect((await reference.verify("stored")).verdict).toBe("not-verified");
    const { verdict, components } = await reference.verify("unsealed");
    expect(verdict).toBe("failed");
    expect(components.map((component) => [component.component, component.verdict])).toEqual([
      ["files", "passed"],
      ["archives", "passed"],
      ["rows", "failed"],
    ]);
    const findings = components.flatMap((component) => component.findings);
    expect(findings.map((finding) => finding.code)).toEqual(tables.map(() => code));
    tables.forEach((table, index) => {
      expect(findings[index]?.sentence).toContain(table);
      expect(findings[index]?.publicSentence).not.toContain(table);
    });
  }

  test("passes as long as nobody lied", async () => {
    await reseal(partOf("small"), (archive) => archive);
    expect((await reference.verify("unsealed")).verdict).toBe("passed");
  });

  test.each([
    ["big", "big-003000", "big-003001", "data-1.zst.age"],
    ["small", "small-000077", "small-000177", "rest.zst.age"],
    ["small", "\t42.25\n", "\t42.35\n", "rest.zst.age"],
    ["twin", "twinn-000100", "twinN-000100", "rest.zst.age"],
  ])("fails at %s for one value: %j became %j", async (table, before, after, part) => {
    expect(partOf(table)).toBe(part);
    await reseal(part, (archive) => replaced(archive, before, after));
    await expectBad("content-differs", inPublic(table));
    const { code, output } = await reference.command("verify", "--level", "unsealed");
    expect(code, output).toBe(3);
    expect(output).toContain(`Table ${inPublic(table)} has all`);
  });

  test("fails where two rows traded one value, and where two tables traded rows", async () => {
    await reseal(partOf("small"), (archive) => swapped(archive, "\tsmall-000010\t", "\tsmall-000011\t"));
    await expectBad("content-differs", inPublic("small"));
    await reseal(partOf("small"), (archive) => swapped(archive, "small-000010", "twinn-000010"));
    await expectBad("content-differs", inPublic("small"), inPublic("twin"));
  });

  test("fails where a row is missing, and where one is there twice instead of another", async () => {
    const row = (number: number): string => `${number}\tsmall-0000${number}\t${number}.25\n`;
    await reseal(partOf("small"), (archive) => replaced(archive, row(42), row(43)));
    await expectBad("content-differs", inPublic("small"));
  });

  test("fails where the archive holds a table that the backup does not know", async () => {
    await reseal(
      partOf("small"),
      (archive) => archive,
      (before) => {
        const { tables, ...database } = before.database!;
        return { ...before, database: { ...database, tables: tables.filter(({ name }) => name !== "twin") } };
      },
    );
    await expectBad("table-unexpected", "public.twin");
  });

  test("fails for each column of tables whose names are those of the hash's own SQL", async () => {
    for (const [index, column] of aliases.entries()) {
      const table = aliases[(index + 3) % aliases.length] ?? "";
      await reseal(partOf(table), (archive) =>
        replaced(archive, `<${table}/${column}/2`, `<${table}/${column}/4`),
      );
      await expectBad("content-differs", `"Odd ""names"""."${table}"`);
    }
  });

  test("would not have been hashed the same by the server either", async () => {
    const sql = async (table: string): Promise<unknown> => {
      const columns = aliases.map((name) => ({ name, textual: true }));
      const query = contentHashSql({ schema: 'Odd "names"', name: table, columns });
      const [row] = await reference.server.sql("app", `${sessionSettings} ${query}`);
      return row?.["hash"];
    };
    for (const table of aliases) {
      const hashes = [await sql(table)];
      const recorded = contents.database?.tables.find(({ name }) => name === table)?.hash;
      expect(hashes[0]).toBe(recorded);
      for (const column of aliases) {
        await reference.server.sql(
          "app",
          `update "Odd ""names"""."${table}" set "${column}" = 'other' where "${column}" like '%/2'`,
        );
        hashes.push(await sql(table));
      }
      expect(new Set(hashes).size).toBe(aliases.length + 1);
    }
  });
});

function inPublic(table: string): string {
  return `"public"."${table}"`;
}

/** Same length, once in the archive. */
function replaced(archive: Buffer, before: string, after: string): Buffer {
  expect(Buffer.byteLength(after)).toBe(Buffer.byteLength(before));
  Buffer.from(after).copy(archive, placeOf(archive, before));
  return archive;
}

function swapped(archive: Buffer, one: string, other: string): Buffer {
  const places = [placeOf(archive, one), placeOf(archive, other)] as const;
  Buffer.from(other).copy(archive, places[0]);
  Buffer.from(one).copy(archive, places[1]);
  return archive;
}

function placeOf(archive: Buffer, text: string): number {
  const at = archive.indexOf(text);
  expect(at).toBeGreaterThan(0);
  expect(archive.indexOf(text, at + 1)).toBe(-1);
  return at;
}
