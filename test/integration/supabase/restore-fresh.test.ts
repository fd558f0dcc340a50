/**
 * A project into a fresh one on another server, as `postgres`. Where supautils would help on the platform, a superuser
 * stands in: that part is not tested on the platform.
 */
import { zstdDecompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { reportRestore } from "../../../src/actions/restore/report.ts";
import type { SnapshotRestoreReport } from "../../../src/operations/restore-snapshot.ts";
import type { SnapshotJson } from "../../../src/snapshot/snapshot-json.ts";
import { type SupabaseCluster, supabaseCluster } from "../../support/supabase/cluster.ts";
import { backUp, newSafe } from "../backup/backing-up.ts";
import { rightsMatrix, rolesOf, rowsOf, schemaOf, usersSchemaOf } from "./independent-comparison.ts";
import { connectionOf, dumped, listedKinds, restoreInto, targetCluster } from "./restoring-projects.ts";

const safe = await newSafe();
const clusters: SupabaseCluster[] = [];
interface Project {
  readonly cluster: SupabaseCluster;
  readonly snapshot: SnapshotJson;
}
const projects = new Map<number, Promise<Project>>();

/** One filled project and its snapshot a major. */
function project(major: 15 | 17): Promise<Project> {
  const made = projects.get(major) ?? fill(major);
  projects.set(major, made);
  return made;
}

async function fill(major: 15 | 17): Promise<Project> {
  const cluster = await supabaseCluster({ major });
  clusters.push(cluster);
  await cluster.fillProject();
  const { snapshot } = await backUp(safe, connectionOf(cluster), { source: `database-${major}` });
  return { cluster, snapshot };
}

afterAll(async () => {
  for (const cluster of clusters) await cluster.stop();
  await safe[Symbol.asyncDispose]();
});

describe.each([
  [15, 15],
  [17, 17],
  [17, 15],
] as const)(
  "%d into %d, with a superuser standing in for supautils (not tested on the platform)",
  (from, into) => {
    const client = Math.max(from, into);
    let source: SupabaseCluster;
    let target: SupabaseCluster;
    let report: SnapshotRestoreReport;

    beforeAll(async () => {
      const made = await project(from);
      source = made.cluster;
      target = await targetCluster({ major: into });
      clusters.push(target);
      report = await restoreInto(target, safe, made.snapshot.id, { source: `database-${from}` });
    }, 240_000);

    test("stock pg_dump tells the same definitions, owners, rights, policies and publications of both", async () => {
      if (from === into) expect(await schemaOf(target, client)).toBe(await schemaOf(source, client));
      else expect(await usersSchemaOf(target, into)).toBe(await usersSchemaOf(source, from));
    });

    test("stock pg_dump tells the same rows, large objects and sequences of both", async () => {
      expect(await rowsOf(target, client)).toBe(await rowsOf(source, client));
    });

    test("every role may do exactly what it could, however it came to that", async () => {
      // An extension's functions are those of its own version.
      const own = (line: string): boolean => from === into || !line.includes("pg_stat_statements");
      const matrix = (await rightsMatrix(source)).filter(own);
      expect(matrix.length).toBeGreaterThan(1000);
      expect((await rightsMatrix(target)).filter(own)).toEqual(matrix);
    });

    test("roles, memberships and settings are as they were", async () => {
      expect(await rolesOf(target)).toEqual(await rolesOf(source));
    });

    test("jobs are there, and wait for a person", async () => {
      const jobs =
        "select jobname, schedule, command, database, username, active from cron.job order by command";
      const before = await source.asAdmin(jobs);
      expect(before.filter(({ active }) => active === "t")).toHaveLength(2);
      expect(await target.asAdmin(jobs)).toEqual(before.map((job) => ({ ...job, active: "f" })));
    });

    test("nothing but what takes a person is left, and no finding is an error", () => {
      const { findings, project: made } = report.restored ?? {};
      expect(findings?.filter(({ level }) => level === "error")).toEqual([]);
      expect(findings?.filter(({ code }) => code.endsWith("-differs"))).toEqual([]);
      expect(made?.unfinished.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
        "roles app_reader",
        "roles app_robot",
        "roles app_writer",
        "database settings app.settings.jwt_exp",
        "TABLE DATA vault.secrets",
      ]);
    });

    test("publicly the report has numbers only; names where they may be shown", () => {
      const named = reportRestore(report, "file:///store", "names").summary;
      const numbers = reportRestore(report, "file:///store", "numbers").summary;
      expect(named).toContain("roles `app_reader`: created without a password");
      expect(numbers).toContain("| TABLE | 46 | 13 | 33 | 0 | 0 |");
      expect(numbers).not.toMatch(/app_|todos|orders|ledger|jwt_exp|payment/);
    });

    test("who holds the identity opens the names in the public summary", async () => {
      const { summary } = reportRestore(report, "file:///store", "numbers");
      const sealed = /```text\n([\w+/=]+)\n```/.exec(summary)?.[1] ?? "";
      const opened = await safe.identities.decrypter().decrypt(Buffer.from(sealed, "base64"));
      const { lines, unfinished, secretIds } = report.restored?.project ?? {};
      expect(JSON.parse(zstdDecompressSync(opened).toString())).toEqual({ lines, unfinished, secretIds });
    });

    test("the report's numbers add up, line by line, to what stock pg_restore lists in the archives", async () => {
      const lines = report.restored?.project?.lines ?? [];
      for (const { inBackup, restored, kept, extensionMissing, needsPerson } of lines) {
        expect(restored + kept + extensionMissing + needsPerson).toBe(inBackup);
      }
      // Not listed: the session's own settings. Not in any archive: what is in lower case.
      const unlisted = /^(?:ENCODING|STDSTRINGS|SEARCHPATH|[a-z ]+)$/;
      const counted = lines
        .filter(({ kind }) => !unlisted.test(kind))
        .map(({ kind, inBackup }) => [kind, inBackup]);
      const { snapshot } = await project(from);
      expect(Object.fromEntries(counted)).toEqual(await listedKinds(safe, snapshot, from));
    });
  },
);

test("nothing is restored over a project that has something in it, and the reason counts what is there", async () => {
  const { cluster, snapshot } = await project(15);
  const before = await dumped(cluster, 15);
  await expect(restoreInto(cluster, safe, snapshot.id, { source: "database-15" })).rejects.toMatchObject({
    code: "restore-target-exists",
    message: expect.stringMatching(/\d+ tables, views and sequences.*200 people/s) as string,
  });
  expect(await dumped(cluster, 15)).toBe(before);
});
