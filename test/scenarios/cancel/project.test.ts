/** A restore into a Supabase project that is cancelled: all of it is there, or the project is as it was. */
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseIdentities } from "../../../src/seal/identities.ts";
import { parseRecipients } from "../../../src/seal/recipients.ts";
import { directoryStore } from "../../../src/store/directory.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { type SupabaseCluster, supabaseCluster } from "../../support/supabase/cluster.ts";
import { backUp, newSafe, type Safe } from "../../integration/backup/backing-up.ts";
import { connectionOf, dumped } from "../../integration/supabase/restoring-projects.ts";
import { makePlace, type Place, removePlace } from "../faults/runs.ts";
import { hookFlags, stopEverywhere, storeFlags, wayOf } from "./stopping.ts";

let place: Place;
let safe: Safe;
let source: SupabaseCluster;
let target: SupabaseCluster;
let fresh: string;

beforeAll(async () => {
  place = await makePlace();
  safe = {
    ...(await newSafe()),
    store: directoryStore({ path: place.store, clock: systemClock, logger: silentLogger }),
    recipients: parseRecipients([place.recipient]),
    identities: parseIdentities(await readFile(place.identityFile, "utf8")),
  };
  [source, target] = [await supabaseCluster({ major: 15 }), await supabaseCluster({ major: 15 })];
  await source.fillProject();
  await backUp(safe, connectionOf(source));
  fresh = await dumped(target, 15);
}, 120_000);
afterAll(async () => {
  await source.stop();
  await target.stop();
  await safe[Symbol.asyncDispose]();
  await removePlace(place);
});

test("what is said is what is there", { timeout: 3_600_000 }, async () => {
  let isFresh = true;
  await stopEverywhere({
    name: "restore into a project",
    prepare: async () => {
      if (isFresh) return;
      await target.stop();
      target = await supabaseCluster({ major: 15 });
      isFresh = true;
    },
    command: () => ({
      place,
      args: [
        ...["restore", "database", ...storeFlags(place), "--identity-file", place.identityFile],
        ...["--ledger", "store", "--target-url", "env:TARGET", ...hookFlags(place)],
      ],
      env: { TARGET: target.url() },
    }),
    compare: async (said) => {
      const way = wayOf(said);
      isFresh = (await dumped(target, 15)) === fresh;
      expect(isFresh).toBe(way !== "done");
      if (said.hooks.length > 0 && way !== "killed") {
        expect(said.hooks.at(-1)).toBe(`after ${way === "done" ? "restored" : "unchanged"}`);
      }
      if (said.ledger !== "") expect(said.ledger).toBe(way === "done" ? "success" : "cancelled");
      return `${way}${said.hooks.length > 0 ? " with hooks" : ""}`;
    },
  });
});
