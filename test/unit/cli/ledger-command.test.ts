import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { storeLedger } from "../../../src/ledger/ledger.ts";
import { directoryStore } from "../../../src/store/directory.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";

const main = new URL("../../../src/main.ts", import.meta.url).href;
let path: string;
beforeEach(async () => {
  path = mkdtempSync(join(tmpdir(), "lifeboat-ledger-"));
  const ledger = storeLedger(directoryStore({ path, clock: systemClock, logger: silentLogger }), systemClock);
  const record = { act: "verify", source: "database", store: `file://${path}`, heads: [], witnessed: [] };
  for (const [name, day] of [
    ["octocat", 1],
    ['=HYPERLINK("http://evil")', 2],
    ["hubot", 3],
  ] as const) {
    const time = `2026-11-0${day}T03:00:00.000Z`;
    const run = "https://github.com/acme/app/actions/runs/7";
    await ledger.append({
      ...record,
      by: { name, run },
      time,
      outcome: "success",
      findings: ["one-copy", "unverified"],
    });
  }
});
afterEach(() => rmSync(path, { recursive: true }));

function lifeboat(...args: readonly string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const program = `await (await import(${JSON.stringify(main)})).runCli(process.argv.slice(1));`;
  const all = [
    "--input-type=module",
    "-e",
    program,
    "--",
    "ledger",
    ...args,
    "--ledger",
    "store",
    "--store",
    `file://${path}`,
  ];
  return new Promise((resolve) => {
    execFile(process.execPath, all, { env: { PATH: process.env["PATH"] ?? "" } }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, stdout, stderr });
    });
  });
}

test("shows the records of a time, as text and as a document", async () => {
  const { code, stdout } = await lifeboat(
    "show",
    "--from",
    "2026-11-02",
    "--to",
    "2026-11-03T00:00:00Z",
    "--json",
  );
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    records: [{ by: { name: '=HYPERLINK("http://evil")' } }],
    problems: [],
  });
  const all = await lifeboat("show");
  expect(all.stdout).toContain("2026-11-01T03:00:00.000Z  verify  database  success  octocat\n");
  expect(all.stdout).toContain(`3 records of file://${path}.`);
});

test("exports CSV that no spreadsheet takes for a formula", async () => {
  const { code, stdout } = await lifeboat("export", "--csv");
  expect(code).toBe(0);
  const lines = stdout.trimEnd().split("\n");
  expect(lines).toHaveLength(4);
  expect(lines[0]).toBe("time,act,source,snapshot,outcome,findings,by,run,commit,store,sha256");
  expect(lines[1]).toMatch(
    /^2026-11-01T03:00:00.000Z,verify,database,,success,one-copy unverified,octocat,https:/,
  );
  expect(lines[2]).toContain(`"'=HYPERLINK(""http://evil"")"`);
});

test("names a record that is gone or changed, and ends with 3", async () => {
  expect(await lifeboat("verify")).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("form a whole chain") as string,
  });
  const folder = join(path, "ledger/2026/11");
  const [first = "", second = ""] = readdirSync(folder).sort();
  const bytes = readFileSync(join(folder, first));
  rmSync(join(folder, first));
  expect(await lifeboat("verify")).toMatchObject({
    code: 3,
    stdout: expect.stringContaining("follows one that is gone") as string,
  });
  writeFileSync(join(folder, first), bytes);
  writeFileSync(join(folder, second), readFileSync(join(folder, second), "utf8").replace("verify", "prune"));
  const { code, stdout, stderr } = await lifeboat("verify");
  expect([code, stdout]).toEqual([3, expect.stringContaining("is damaged")]);
  expect(stderr).toContain("ledger-broken");
});

test("says what is missing before it looks anywhere", async () => {
  const { code, stderr } = await lifeboat("show", "--from", "yesterday");
  expect([code, stderr]).toEqual([2, expect.stringContaining("2026-11-23")]);
});
