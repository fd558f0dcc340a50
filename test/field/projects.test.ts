/** The shapes that a Supabase project can have, from one project into a fresh one, and over one that has something. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseConnection } from "../../src/postgres/connection.ts";
import { libpqEnvironment } from "../../src/postgres/libpq.ts";
import { toolPath } from "../../src/postgres/client-tools.ts";
import { runTool } from "../../src/system/process.ts";
import { backUp, newSafe, toolsOf } from "../integration/backup/backing-up.ts";
import {
  addStandIn,
  connectionOf,
  restoreInto,
  targetCluster,
} from "../integration/supabase/restoring-projects.ts";
import type { SupabaseCluster } from "../support/supabase/cluster.ts";
import { differences } from "./expectations.ts";
import { makeShape, type Trip, tripsOf } from "./made.ts";
import { outcomeOf } from "./routes.ts";
import { sqlShapes } from "./shapes/registry.ts";

const trial = process.env["LIFEBOAT_TRIAL"] !== undefined;
const shapes = sqlShapes.filter(({ inProject }) => inProject === true);
const safe = await newSafe();
afterAll(() => safe[Symbol.asyncDispose]());

describe.runIf(trial).each([15, 17] as const)("a project on PostgreSQL %d", (major) => {
  let cluster: SupabaseCluster;
  beforeAll(async () => {
    cluster = await targetCluster({ major, imitate: [] });
  });
  afterAll(() => cluster.stop());

  test.each(tripsOf(shapes, major))("$database", async (trip) => {
    expect(await wrongOn(trip)).toEqual([]);
  });

  async function wrongOn({ database, shapes: own }: Trip): Promise<readonly string[]> {
    const [source, again] = [database, `${database} again`];
    for (const name of [source, again]) await cluster.createPlatform(name);
    await addStandIn(cluster, again);
    for (const shape of own) await makeShape(shape, major, (text) => cluster.asPostgres(text, source));
    for (const { asSuperuser } of own)
      if (asSuperuser !== undefined) await cluster.asAdmin(asSuperuser, source);
    const { snapshot } = await backUp(safe, connectionOf(cluster, source));
    const wrong: string[] = [];
    for (const inPlace of [false, true]) {
      const came = await outcomeOf(async () => {
        const { restored } = await restoreInto(cluster, safe, snapshot.id, {
          database: again,
          project: { target: "supabase", cronJobs: "inactive", signIns: false },
          inPlace,
          ...(inPlace ? { confirm: again } : {}),
        });
        return { findings: restored?.findings ?? [] };
      });
      wrong.push(...differences(own, "project", came));
      if (came.error === undefined) wrong.push(...(await unlike(source, again, own)));
    }
    return wrong;
  }

  /** Of the shapes' schemas, what stock pg_dump tells of our restore and of stock's own, which is a plain database. */
  async function unlike(source: string, again: string, own: Trip["shapes"]): Promise<readonly string[]> {
    const but = own.flatMap(({ unlikeStock = [] }) => unlikeStock);
    const schemas = own.map(({ name, alone }) => `--schema=${alone === undefined ? name : "public"}`);
    const stock = `${source} stock`;
    await cluster.asAdmin(`drop database if exists "${stock}"`);
    await cluster.server.createDatabase(stock);
    const archive = await run("pg_dump", source, ["--format=custom", ...schemas]);
    await run("pg_restore", stock, ["--dbname", stock], archive).catch(() => {});
    const [there, here] = await Promise.all(
      [stock, again].map(async (database) => {
        const text = (await run("pg_dump", database, schemas)).toString("utf8");
        const lines = text.replaceAll(/^\\(un)?restrict .*\n/gm, "").split("\n");
        return new Set(lines.filter((line) => !but.some((expression) => expression.test(line))));
      }),
    );
    const beyond = own.some(({ beyondStock }) => beyondStock === true);
    const between = [...(here ?? [])].filter((line) => !beyond && !there?.has(line));
    const missing = [...(there ?? [])].filter((line) => !here?.has(line));
    return [...between.map((line) => `+ ${line}`), ...missing.map((line) => `- ${line}`)].slice(0, 9);
  }

  async function run(
    program: Program,
    database: string,
    args: readonly string[],
    input: Buffer | string = "",
  ): Promise<Buffer> {
    const connection = parseConnection(cluster.url(database, "supabase_admin"), "test's URL");
    const { stdout } = await runTool(
      {
        program: toolPath(await toolsOf(major), program),
        args: ["--no-password", ...args],
        env: libpqEnvironment({ ...connection, password: cluster.server.password }),
      },
      { input },
    );
    return stdout;
  }
});

type Program = "pg_dump" | "pg_restore";
