/** `lifeboat export schema`: what it writes makes the same empty database. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseConnection } from "../../../src/postgres/connection.ts";
import { generateIdentity, parseIdentities } from "../../../src/seal/identities.ts";
import { parseRecipients } from "../../../src/seal/recipients.ts";
import { runProgram, runToEnd } from "../../support/run-to-end.ts";
import { clientBinDir, majorsWithClients, startServer, type TestServer } from "../../support/servers.ts";
import { backUp, newSafe, type Safe } from "./backing-up.ts";

const cli = resolve(import.meta.dirname, "../../support/cli-from-source.ts");
const [major] = await majorsWithClients([15, 17]);
let server: TestServer;
let safe: Safe;
let binDir: string;

beforeAll(async () => {
  const { fileText, recipient } = await generateIdentity({ postQuantum: false, created: new Date(0) });
  safe = {
    ...(await newSafe()),
    recipients: parseRecipients([recipient]),
    identities: parseIdentities(fileText),
  };
  server = await startServer(major!);
  binDir = (await clientBinDir(major!)) ?? "";
  await server.createDatabase("shop");
  await server.createDatabase("copy");
  await server.sql(
    "shop",
    `create table "Ördér lines" (id bigint generated always as identity primary key, "a ""q""" text check ("a ""q""" <> ''));
     insert into "Ördér lines" ("a ""q""") values ('a row that no schema has');
     create view totals as select count(*) from "Ördér lines";
     comment on view totals is 'It''s counted'`,
  );
  await backUp(safe, parseConnection(server.url("shop"), "url"));
  await writeFile(join(safe.folder, "key"), fileText);
}, 120_000);

afterAll(async () => {
  await server.stop();
  await safe[Symbol.asyncDispose]();
});

function exported(out: string): Promise<{ readonly code: number | null; readonly output: string }> {
  const store = ["--store", `file://${join(safe.folder, "store")}`];
  const key = ["--identity-file", join(safe.folder, "key"), "--postgres-bin", binDir];
  return runToEnd([cli, "export", "schema", ...store, ...key, "--out", out]);
}

async function dumped(database: string): Promise<string> {
  const args = ["--schema-only", server.url(database)];
  const { output } = await runProgram(join(binDir, "pg_dump"), args, safe.folder);
  // A key that each dump makes anew.
  return output.replaceAll(/^\\(?:un)?restrict .*$/gm, "");
}

test("makes the same empty database, and holds no row", { timeout: 120_000 }, async () => {
  const out = join(safe.folder, "schema.sql");
  expect(await exported(out)).toMatchObject({ code: 0 });
  expect(await readFile(out, "utf8")).not.toContain("a row that no schema has");
  const psql = ["--no-psqlrc", "--set=ON_ERROR_STOP=1", "--quiet", `--file=${out}`, server.url("copy")];
  expect(await runProgram(join(binDir, "psql"), psql, safe.folder)).toMatchObject({ code: 0 });
  const schema = await dumped("shop");
  expect(schema).toContain('CREATE TABLE public."Ördér lines"');
  expect(await dumped("copy")).toBe(schema);
});

test("replaces nothing, and leaves nothing behind", { timeout: 120_000 }, async () => {
  const out = join(safe.folder, "mine.sql");
  await writeFile(out, "mine");
  const { code, output } = await exported(out);
  expect(code, output).toBe(2);
  expect(output).toContain("there is a file of that name");
  expect(await readFile(out, "utf8")).toBe("mine");
  expect((await readdir(safe.folder)).filter((name) => name.includes("unfinished"))).toEqual([]);
});
