/**
 * No plaintext anywhere, at any moment: a marker in rows, a table's name, a column's name and the password is looked for
 * in every command line and every file while the built actions run, and in all that they leave behind.
 */
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readSealedContents, unsealFile } from "../../../src/operations/sealed-files.ts";
import { locateSnapshot } from "../../../src/operations/locate-snapshot.ts";
import { generateIdentity, type GeneratedIdentity, parseIdentities } from "../../../src/seal/identities.ts";
import { decompressStream } from "../../../src/seal/zstd.ts";
import { openStore } from "../../../src/store/open-store.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { type FakeGitHub, startFakeGitHub } from "../../fakes/github/index.ts";
import { type ActionEnd, type ActionName, runActionTo } from "../../support/actions.ts";
import { builtBundle } from "../../support/bundle.ts";
import { majorsWithClients, startServer, type TestServer } from "../../support/servers.ts";
import { findIn, type Needle, needlesFor, newMarker } from "./encodings.ts";
import { type Seen, watching } from "./watcher.ts";

const [major] = await majorsWithClients([15]);
const [row, table, column, secret] = [newMarker(), newMarker(), newMarker(), newMarker()];
const needles: readonly Needle[] = [
  ...needlesFor("a row", row),
  ...needlesFor("a table", table),
  ...needlesFor("a column", column),
  ...needlesFor("the password", secret),
];
/** Needs encoding in a URL, quoting in SQL and escaping in a pass file. */
const password = `${secret}@/%:#' \\é`;
const rows = 100_000;

describe.skipIf(major === undefined)("what can be seen from outside", () => {
  let server: TestServer;
  let github: FakeGitHub;
  let keys: GeneratedIdentity;
  let folder: string;
  let store: string;

  beforeAll(async () => {
    await builtBundle();
    server = await startServer(major!);
    github = await startFakeGitHub();
    keys = await generateIdentity({ postQuantum: false, created: new Date(0) });
    folder = await mkdtemp(join(tmpdir(), "watched-"));
    await chmod(folder, 0o755);
    store = join(folder, "store");
    await mkdir(store);
    await server.createDatabase("shop");
    await server.sql(
      "shop",
      `create role keeper login superuser password '${password.replaceAll("'", "''")}';
       create table ${table} (id int primary key, ${column} text not null);
       insert into ${table} select n, '${row} ' || n || repeat(' and so on', 8) from generate_series(1, ${rows}) n;
       create table small (${column} text); insert into small values ('${row}');
       create index on ${table} (${column} text_pattern_ops) where id < 1000;
       comment on table small is '${row}';`,
    );
  });

  afterAll(async () => {
    await github.close();
    await server.stop();
    await rm(folder, { recursive: true });
  });

  const url = (database: string): string =>
    `postgresql://keeper:${encodeURIComponent(password)}@127.0.0.1:${server.port}/${database}`;

  async function watchedStep(
    name: ActionName,
    inputs: Readonly<Record<string, string>>,
  ): Promise<{ readonly end: ActionEnd; readonly seen: Seen; readonly stepFolder: string }> {
    const stepFolder = await mkdtemp(join(folder, "step-"));
    const run = github.state.addRun();
    const watch = { folders: [stepFolder, store], needles };
    const [end, seen] = await watching(watch, () =>
      // Even in a private repository, whose logs may name tables: nothing here went wrong.
      runActionTo(0, name, { github, run, inputs, folder: stepFolder }),
    );
    expect(seen.leaks).toEqual([]);
    expect(findIn(end.published, needles)).toEqual([]);
    expect(end.leftInTemp).toEqual([]);
    return { end, seen, stepFolder };
  }

  const stores = (): Readonly<Record<string, string>> => ({
    directory: pathToFileURL(store).href,
    artifacts: "artifacts:",
  });

  test.each(["directory", "artifacts"])("a backup into a store of kind %s shows nothing", async (kind) => {
    // It was really looked at: the programs that had the plaintext in their hands, and the sealed files. They live for
    // moments, which a busy machine can miss, so there are several chances to look.
    const caught = new Set<string>();
    for (let turn = 0; turn < 5 && !(caught.has("pg_dump") && caught.has("zstd")); turn += 1) {
      const { end, seen } = await watchedStep("db-backup", {
        "database-url": url("shop"),
        recipients: keys.recipient,
        store: stores()[kind]!,
        jobs: "2",
      });
      expect(end.outputs).toMatchObject({ tables: "2", rows: String(rows + 1) });
      expect(seen.filesRead).toBeGreaterThan(3);
      for (const program of seen.programs) caught.add(program);
    }
    expect([...caught]).toEqual(expect.arrayContaining(["pg_dump", "zstd"]));
    const leaking = [...github.state.artifacts.values()].flatMap(({ name, bytes }) => [
      ...findIn(name, needles),
      ...findIn(bytes, needles),
    ]);
    expect(leaking).toEqual([]);
  });

  test("and yet all of it is in the backup", async () => {
    const surroundings = { clock: systemClock, logger: silentLogger };
    const opened = openStore(stores()["directory"]!, surroundings);
    const { snapshot } = await locateSnapshot(opened, "database", { kind: "latest" }, new Date());
    const identities = parseIdentities(keys.fileText);
    const contents = await readSealedContents(opened, snapshot, identities);
    const found = new Map<string, number>();
    for (const file of contents.files) {
      const sealed = unsealFile(
        opened,
        snapshot,
        snapshot.files.find(({ name }) => name === file.name)!,
        identities,
      );
      const chunks: Uint8Array[] = [];
      const plain = decompressStream(sealed, { maxBytes: file.rawBytes, zstd: undefined });
      for await (const chunk of plain) chunks.push(chunk);
      const text = Buffer.concat(chunks).toString("latin1");
      for (const [what, marker] of Object.entries({ row, table, column })) {
        found.set(what, (found.get(what) ?? 0) + text.split(marker).length - 1);
      }
    }
    // Twice more: the small table's row and comment.
    expect(found.get("row")).toBe(rows + 2);
    expect(found.get("table")).toBeGreaterThan(0);
    expect(found.get("column")).toBeGreaterThan(0);
    expect(contents.files.filter(({ role }) => role === "data")).toHaveLength(1);
  });

  test("a verification by restoring shows nothing but the folder of its server, closed to others", async () => {
    const { end, seen } = await watchedStep("verify", {
      ...{ level: "restored", identity: keys.fileText, store: stores()["directory"]! },
    });
    expect(end.outputs["verdict"]).toBe("passed");
    const places = Object.keys(seen.servers);
    expect(places).toHaveLength(1);
    expect(Object.values(seen.servers)).toEqual(["700"]);
    expect(places.filter((place) => existsSync(place))).toEqual([]);
    expect(seen.programs).toEqual(expect.arrayContaining(["pg_restore", "zstd", "postgres"]));
  });

  test("a restore shows nothing", async () => {
    const { seen } = await watchedStep("restore", {
      ...{ "target-url": url("again"), identity: keys.fileText, store: stores()["directory"]!, jobs: "2" },
    });
    expect(seen.programs).toEqual(expect.arrayContaining(["pg_restore", "zstd"]));
    const restored = `select count(*) from ${table} where ${column} like '${row}%'`;
    expect(await server.sql("again", restored)).toEqual([{ count: String(rows) }]);
  });

  test("the runner is told to mask the password in all its forms", async () => {
    const { end } = await watchedStep("db-backup", {
      ...{ "database-url": url("shop"), recipients: keys.recipient, store: stores()["directory"]! },
    });
    const masks = end.commands
      .filter((line) => line.startsWith("::add-mask::"))
      .map((line) => line.slice("::add-mask::".length).replaceAll("%25", "%"));
    for (const form of [
      ...[password, encodeURIComponent(password), url("shop")],
      JSON.stringify(password).slice(1, -1),
    ]) {
      expect(masks).toContain(form);
    }
  });

  test("a password that cannot get in shows nothing either", async () => {
    const wrong = url("shop").replace(secret, `${secret}x`);
    const stepFolder = await mkdtemp(join(folder, "step-"));
    const inputs = { "database-url": wrong, recipients: keys.recipient };
    const [end, seen] = await watching({ folders: [stepFolder], needles }, () =>
      runActionTo(2, "db-backup", {
        ...{ github, run: github.state.addRun(), inputs, folder: stepFolder, isPrivate: true },
      }),
    );
    expect(end.record.error?.code).toBe("database-login-refused");
    expect(seen.leaks).toEqual([]);
    expect(findIn(end.published, needles)).toEqual([]);
  });

  test("a password that is an everyday word does not star the log", async () => {
    await server.sql("postgres", "create role weak login superuser password 'postgres'");
    const { end } = await watchedStep("db-backup", {
      "database-url": `postgresql://weak:postgres@127.0.0.1:${server.port}/postgres`,
      recipients: keys.recipient,
      source: "postgres",
    });
    expect(end.commands.filter((line) => /^::add-mask::postgres$/i.test(line.trim()))).toEqual([]);
    expect(end.stdout).toMatch(/^PostgreSQL 15/m);
    expect(end.outputs).toMatchObject({ source: "postgres", tables: "0" });
    expect(end.summary).toContain('Backed up "postgres"');
    expect(end.published).not.toContain("***");
  });
});
