/** `lifeboat restore database` into a project on a stock server, which lacks what supautils allows on the platform. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { generateIdentity, parseIdentities } from "../../../src/seal/identities.ts";
import { parseRecipients } from "../../../src/seal/recipients.ts";
import { runToEnd } from "../../support/run-to-end.ts";
import { type SupabaseCluster, supabaseCluster } from "../../support/supabase/cluster.ts";
import { backUp, newSafe, type Safe } from "../backup/backing-up.ts";
import { rightsMatrix, rowsOf } from "./independent-comparison.ts";
import { connectionOf, dumped } from "./restoring-projects.ts";

const cli = resolve(import.meta.dirname, "../../support/cli-from-source.ts");
let safe: Safe;
let source: SupabaseCluster;
let target: SupabaseCluster;
let flags: readonly string[];

beforeAll(async () => {
  const empty = await newSafe();
  const { fileText, recipient } = await generateIdentity({ postQuantum: false, created: new Date(0) });
  safe = { ...empty, recipients: parseRecipients([recipient]), identities: parseIdentities(fileText) };
  [source, target] = [await supabaseCluster({ major: 15 }), await supabaseCluster({ major: 15 })];
  await source.fillProject();
  await backUp(safe, connectionOf(source));
  await writeFile(join(safe.folder, "key"), fileText);
  flags = [
    ...[
      "restore",
      "database",
      "--store",
      `file://${safe.folder}/store`,
      "--identity-file",
      `file:${safe.folder}/key`,
    ],
    ...["--target-url", "env:TARGET", "--json"],
  ];
}, 120_000);

afterAll(async () => {
  await source.stop();
  await target.stop();
  await safe[Symbol.asyncDispose]();
});

test(
  "a killed restore leaves nothing; the next one restores, and lists what takes supautils",
  { timeout: 240_000 },
  async () => {
    const before = await dumped(target, 15);
    const env = { TARGET: target.url() };
    const planned = await runToEnd([cli, ...flags, "--dry-run"], env);
    expect(planned.output).toContain('"inPlace": false');
    expect(await dumped(target, 15)).toBe(before);

    const killed = spawn(process.execPath, [cli, ...flags], {
      env: { PATH: process.env["PATH"] ?? "", ...env },
      stdio: "ignore",
    });
    await untilLoading(killed);
    killed.kill("SIGKILL");
    await once(killed, "exit");
    await untilGone();
    expect(await dumped(target, 15)).toBe(before);

    const { code, output } = await runToEnd([cli, ...flags], env);
    expect({ code, output: code === 0 ? "" : output }).toEqual({ code: 0, output: "" });
    expect(await rowsOf(target, 15)).toBe(await rowsOf(source, 15));
    expect(await rightsMatrix(target)).toEqual(await rightsMatrix(source));
    for (const left of [
      "app_watch_ddl",
      "storage.objects Own pictures",
      "realtime.messages Members hear their room",
      ".everything",
    ]) {
      expect(output).toContain(`"name": "${left.startsWith("app_watch") ? "." : ""}${left}"`);
    }
  },
);

/** In the transaction, with rows in. */
async function untilLoading(child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null)
      throw new Error(`The restore ended with ${child.exitCode} before it was killed.`);
    const rows = await target.asAdmin(
      `select from pg_stat_activity where application_name = 'lifeboat' and backend_xid is not null`,
    );
    if (rows.length > 0) return;
    await sleep(5);
  }
}

async function untilGone(): Promise<void> {
  for (;;) {
    const rows = await target.asAdmin("select from pg_stat_activity where application_name = 'lifeboat'");
    if (rows.length === 0) return;
    await sleep(20);
  }
}
