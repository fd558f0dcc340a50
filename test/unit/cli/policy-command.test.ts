import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { allTiersKept, archive, head } from "../policy/policies.ts";

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "policy-"))));
afterAll(() => rmSync(folder, { recursive: true }));

const database = "sources: { database: { type: postgres, url: { secret: DATABASE_URL } } }\n";
const main = new URL("../../../src/main.ts", import.meta.url).href;

interface End {
  readonly code: number | string | null | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command line as its own process, from the sources. */
function lifeboat(...args: readonly string[]): Promise<End> {
  const program = `await (await import(${JSON.stringify(main)})).runCli(process.argv.slice(1));`;
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ["--input-type=module", "-e", program, "--", ...args],
      { cwd: folder, env: { PATH: process.env["PATH"] ?? "" } },
      (error, stdout, stderr) => resolve({ code: error === null ? 0 : error.code, stdout, stderr }),
    );
  });
}

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}

describe("policy check", () => {
  test("prints every problem and ends with 2", async () => {
    const name = file("broken.yml", `${head}timezone: Nowhere\nsources: {}\n`);
    const { code, stdout, stderr } = await lifeboat("policy", "check", name);
    expect(stdout).toBe(
      'broken.yml:3:11: timezone is "Nowhere", not the name of a time zone. Write for example Europe/Berlin, or UTC.\n' +
        "broken.yml:4:1: sources is empty. Name at least one.\n",
    );
    expect(stderr).toContain("Error: broken.yml has 2 problems.");
    expect(code).toBe(2);
  });

  test("--json prints them as one document", async () => {
    const { code, stdout } = await lifeboat("policy", "check", file("hollow.yml", ""), "--json");
    expect([code, JSON.parse(stdout)]).toEqual([
      2,
      {
        file: "hollow.yml",
        problems: [
          {
            line: 1,
            column: 1,
            path: "",
            sentence: "The file is empty.",
            cure: "docs/policy.md has an example.",
          },
        ],
        findings: [],
      },
    ]);
  });

  test("finds the file in its usual place, and says what a sound policy leaves open", async () => {
    expect(await lifeboat("policy", "check")).toMatchObject({ code: 2, stdout: "" });
    mkdirSync(join(folder, ".github"), { recursive: true });
    file(".github/lifeboat.yml", `${head}${database}`);
    const { code, stdout } = await lifeboat("policy", "check");
    rmSync(join(folder, ".github"), { recursive: true });
    expect(code).toBe(0);
    expect(stdout).toContain("warning: There is one copy of each backup: it dies with the repository.");
    expect(stdout).toContain(".github/lifeboat.yml is a sound policy.\n");
  });

  test("takes the repository's visibility", async () => {
    const name = file("year.yml", `${head}${database}retention: { hourly: 2d, monthly: 1y }\n`);
    expect((await lifeboat("policy", "check", name, "--visibility", "private")).code).toBe(0);
    expect((await lifeboat("policy", "check", name, "--visibility", "public")).code).toBe(2);
  });

  test("a file that is missing, or no text, is 2", async () => {
    writeFileSync(join(folder, "latin1.yml"), Buffer.from([0x61, 0x3a, 0x20, 0xe4]));
    expect(await lifeboat("policy", "check", "missing.yml")).toMatchObject({ code: 2 });
    const { code, stderr } = await lifeboat("policy", "check", "latin1.yml");
    expect([code, stderr.includes("The file is not UTF-8 text.")]).toEqual([2, true]);
  });
});

describe("policy explain", () => {
  test("says what happens, what is kept, what can be lost and what it costs", async () => {
    const name = file("sound.yml", `timezone: Europe/Berlin\n${head}${archive}${allTiersKept}${database}`);
    const { code, stdout } = await lifeboat("policy", "explain", name, "--database-size", "2GB");
    expect(code).toBe(0);
    expect(stdout).toBe(`Source database
  The database is backed up every hour. The first good one of each day, week, month and year (Europe/Berlin) counts for that too.
  At worst 1.5 hours are lost, where 1 hour is wanted: GitHub starts schedules late by up to half an hour. Each run that GitHub drops adds an hour.
  It should be back within 4 hours; drills measure it.

Store archive
  Keeps hourly backups 2 days, daily backups 30 days, weekly backups 90 days, monthly backups 1 year and yearly backups 7 years, and always the newest 3 good ones.
  Restores look here first.

Costs of a month
  Runner minutes: about 5249.
  GitHub artifacts, once every tier is full: 0 bytes.
  Egress from the database and Storage: 1.5 TB.
  Computed from:
  - database size: 2.00 GB
  - storage size: unknown (--storage-size)
  - 720 to 744 heartbeats a month of one minute each; GitHub rounds every job up to a minute
  - a run with something due is a minute of pruning and one of the monitor besides; backups at each push are not counted
  - the monitor by itself is a minute four times a day; the weekly verification is two and as long as a backup for each source
  - each backup takes one minute and its size at 50 MB/s, its verification as long again
  - a sealed database takes 25 % of its size; objects do not compress
  - 1 % of the objects change a day; unchanged ones are stored and fetched once
  - the first storage backup fetches everything; restores and drills read from the store and are not counted

Findings
  warning: There is one copy of each backup: it dies with its store. Add a second store, for example S3 at another provider.
  info: "database" can lose a bit more than 1 hour: a backup every hour plus GitHub's delay. Accept it, back up more often, or state a longer objective.
`);
  });

  test("--json has the numbers; a size that nobody gave is unknown, not zero", async () => {
    const name = file("near.yml", `${head}${database}`);
    const explain = async (...flags: readonly string[]): Promise<unknown> =>
      JSON.parse((await lifeboat("policy", "explain", name, "--json", ...flags)).stdout);
    const unknown = (await explain()) as { costs: object; sources: readonly object[] };
    expect(unknown.costs).not.toHaveProperty("artifactBytes");
    expect(unknown.costs).not.toHaveProperty("egressBytesPerMonth");
    expect(unknown.costs).toMatchObject({ isAtLeast: true });
    expect(unknown.sources).toMatchObject([{ name: "database", rpoMs: 3_600_000, worstRpoMs: 5_400_000 }]);
    // 48 hourly, 28 daily and 9 weekly copies at a quarter of the size.
    const known = await explain("--database-size", "1 GB");
    expect(known).toMatchObject({ costs: { isAtLeast: false, artifactBytes: (48 + 28 + 9) * 250_000_000 } });
  });

  test("without a file explains the defaults, and refuses sizes that are none", async () => {
    const { code, stdout } = await lifeboat("policy", "explain");
    expect([code, stdout.includes("There is no policy file")]).toEqual([0, true]);
    expect((await lifeboat("policy", "explain", "--database-size", "big")).code).toBe(2);
    expect((await lifeboat("policy", "explain", "missing.yml")).code).toBe(2);
  });
});
