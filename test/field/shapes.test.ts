/** Every shape of the registry on its routes, within one major and into the next ones. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { backUp, connectionTo, newSafe, type Safe } from "../integration/backup/backing-up.ts";
import { type Major, majorsWithClients, startServer, type TestServer } from "../support/servers.ts";
import { differences } from "./expectations.ts";
import { makeTrip, type Trip, tripsOf } from "./made.ts";
import { dumpsOfRestored, restoredAsNew, restoredByStock, restoredInPlace, verified } from "./routes.ts";
import { kinds, sqlShapes } from "./shapes/registry.ts";
import type { Route, SqlShape } from "./shapes/shape.ts";

const trial = process.env["LIFEBOAT_TRIAL"] !== undefined;
const wanted: readonly (readonly [from: Major, to: Major])[] = trial
  ? [
      [15, 15],
      [17, 17],
      [13, 15],
      [15, 17],
      [17, 18],
    ]
  : [[15, 15]];
const majors = await majorsWithClients([...new Set(wanted.flat())]);
const pairs = wanted.filter((pair) => pair.every((major) => majors.includes(major)));
const shapes = sqlShapes.filter(({ alone, inCi }) => trial || alone === undefined || inCi === true);

/** Shapes that came through, by route and pair. */
const passed: string[] = [];
afterAll(() => {
  if (!trial) return;
  const counts = Map.groupBy(passed, (line) => line.slice(line.indexOf(" ") + 1));
  for (const [way, lines] of counts) console.log(`${way}: ${lines.length} shapes`);
  console.log(`shapes × routes × pairs: ${passed.length}`);
});

test("what other tests show is shown by files that are there", () => {
  for (const shape of kinds.flatMap((kind) => kind.shapes)) {
    if ("shownBy" in shape) expect(existsSync(join(import.meta.dirname, "../..", shape.shownBy))).toBe(true);
  }
});

describe.each(pairs)("PostgreSQL %d → %d", (from, to) => {
  let safe: Safe;
  let source: TestServer;
  let target: TestServer;
  beforeAll(async () => {
    safe = await newSafe();
    // Of its own: roles are the server's, and one pair's copies are in the way of the next.
    source = await startServer(from);
    target = from === to ? source : await startServer(to);
  });
  afterAll(async () => {
    for (const server of new Set([source, target])) await server.stop();
    await safe[Symbol.asyncDispose]();
  });

  test.each(tripsOf(shapes, from))("$database", async (trip) => {
    expect(await wrongOn(trip)).toEqual([]);
  });

  async function wrongOn(trip: Trip): Promise<readonly string[]> {
    const { database } = trip;
    await makeTrip(source, trip);
    const { snapshot } = await backUp(safe, connectionTo(source, database));
    const told: string[] = [];
    const note = (route: Route, wrong: readonly string[]): void => {
      told.push(...wrong);
      if (wrong.length === 0)
        passed.push(...trip.shapes.map(({ name }) => `${name} ${from} → ${to} ${route}`));
    };
    note("verify", differences(trip.shapes, "verify", await verified(safe, snapshot.id, target)));
    const restored = await restoredAsNew(safe, snapshot.id, target, database);
    const wrong = differences(trip.shapes, "new", restored);
    const copied = restored.error === undefined;
    const ownBytes = trip.shapes.some((shape) => shape.ownBytes === true);
    if (copied && !ownBytes) await restoredByStock(source, target, database);
    note("new", [...wrong, ...(copied ? await unlikeStock(trip) : [])]);
    if (trial && copied) {
      const again = await restoredInPlace(safe, snapshot.id, target, database);
      note("in place", [...differences(trip.shapes, "in place", again), ...(await unlikeStock(trip))]);
    }
    return told;
  }

  async function unlikeStock(trip: Trip): Promise<readonly string[]> {
    const but = trip.shapes.flatMap((shape: SqlShape) => shape.unlikeStock ?? []);
    if (trip.shapes.some(({ ownBytes }) => ownBytes === true)) return [];
    const { ours, stock } = await dumpsOfRestored(target, trip.database, { but, from });
    if (ours === stock) return [];
    const [here, there] = [ours, stock].map((text) => text.split("\n"));
    const more = here?.filter((line) => !there?.includes(line)) ?? [];
    const less = there?.filter((line) => !here?.includes(line)) ?? [];
    if (less.length === 0 && trip.shapes.some(({ beyondStock }) => beyondStock === true)) return [];
    return [
      "unlike a stock restore",
      ...more.slice(0, 9).map((line) => `+ ${line}`),
      ...less.slice(0, 9).map((line) => `- ${line}`),
    ];
  }
});
