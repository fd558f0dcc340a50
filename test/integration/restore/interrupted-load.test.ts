import { execFileSync } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { withDatabase } from "../../../src/postgres/connection.ts";
import type { PartSource } from "../../../src/postgres/restore-stream.ts";
import type { ThrowawayServer } from "../../../src/postgres/throwaway-server.ts";
import { backUp, createDatabaseWith, type RealBackup, run, sourceOf, startServer } from "./real-backups.ts";
import { restore } from "./restoring.ts";

let server: ThrowawayServer;
let backup: RealBackup;

beforeAll(async () => {
  server = await startServer();
  const source = await createDatabaseWith(
    server.connection,
    "source",
    `create table public.t (id int primary key, body text);
     insert into public.t select i, md5(i::text) || md5((-i)::text) from generate_series(1, 60000) i`,
  );
  backup = await backUp(source, [`"public"."t"`]);
});
afterAll(async () => await server.stop());

/** Does something once, when half of the big part has been handed out. */
function atHalf(act: () => unknown): PartSource {
  const whole = sourceOf(backup.parts);
  const half = (backup.parts.get("data-1.zst.age")?.length ?? 0) / 2;
  return {
    async *zstdStream(name) {
      let given = 0;
      let acted = false;
      for await (const chunk of whole.zstdStream(name)) {
        if (name === "data-1.zst.age" && given > half && !acted) {
          acted = true;
          await act();
        }
        given += chunk.length;
        yield chunk;
      }
    },
  };
}

/** Only this test's own children, never another process of that name. */
function killChild(program: string): void {
  const children = execFileSync("ps", ["-o", "pid=,comm=", "--ppid", String(process.pid)]).toString();
  const pids = [...children.matchAll(/(\d+) (\S+)/g)].filter(([, , name]) => name === program);
  expect(pids.length).toBeGreaterThan(0);
  for (const [, pid] of pids) process.kill(Number(pid), "SIGKILL");
}

async function expectNothingLeft(source: PartSource, problem: object): Promise<void> {
  const target = withDatabase(server.connection, "half");
  const failed = restore({ contents: backup.contents, source }, { target, mode: { kind: "new-database" } });
  await expect(failed).rejects.toMatchObject(problem);
  const left = await run(server.connection, "select datname from pg_database where datname like 'half%'");
  expect(left).toEqual([]);
}

test("zstd killed half-way", async () => {
  await expectNothingLeft(
    atHalf(() => killChild("zstd")),
    {
      message: expect.stringMatching(/^zstd ended with signal SIGKILL/) as string,
      outcome: "unchanged",
    },
  );
});

test("pg_restore killed half-way", async () => {
  await expectNothingLeft(
    atHalf(() => killChild("pg_restore")),
    {
      message: expect.stringMatching(/^pg_restore ended with signal SIGKILL/) as string,
      outcome: "unchanged",
    },
  );
});

test("the connection cut half-way", async () => {
  // pg_restore connects once it has read the archive's head, which may be after we have handed out half.
  const cut = async (): Promise<void> => {
    const end = "select pg_terminate_backend(pid) from pg_stat_activity where datname like 'half%'";
    while ((await run(server.connection, end)).length === 0) await delay(5);
  };
  await expectNothingLeft(atHalf(cut), {
    code: "connection-lost",
    message: expect.stringMatching(/^pg_restore lost its connection to the server/) as string,
    outcome: "unchanged",
  });
});

test("all connections cut half-way, that which holds the lock too", async () => {
  const cut = async (): Promise<void> => {
    const end =
      "select pg_terminate_backend(pid), datname from pg_stat_activity where pid <> pg_backend_pid() and usename = session_user";
    while (!(await run(server.connection, end)).some(({ datname }) => datname?.startsWith("half"))) {
      await delay(5);
    }
  };
  await expectNothingLeft(atHalf(cut), { code: "connection-lost", outcome: "unchanged" });
});

test("an archive of a format that nobody knows yet", async () => {
  const parts = new Map(
    [...backup.parts].map(([name, bytes]) => {
      const raw = zstdDecompressSync(bytes);
      if (raw.subarray(0, 5).toString() === "PGDMP") raw[6] = 99;
      return [name, zstdCompressSync(raw)];
    }),
  );
  await expectNothingLeft(sourceOf(parts), { code: "snapshot-too-new", outcome: "unchanged" });
  const target = withDatabase(server.connection, "source");
  const mode = { kind: "tables", tables: [{ schema: "public", name: "t" }], schemas: [] } as const;
  await expect(
    restore({ contents: backup.contents, source: sourceOf(parts) }, { target, mode, confirm: "source" }),
  ).rejects.toMatchObject({ code: "snapshot-too-new", outcome: "unchanged" });
  expect(await run(target, "select count(*) n from public.t")).toEqual([{ n: "60000" }]);
});
