/** Ten processes that write into one ledger at once. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Ledger, storeLedger } from "../../../src/ledger/ledger.ts";
import { directoryStore } from "../../../src/store/directory.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { contentsApi } from "./contents-api.ts";

const processes = 10;
const each = process.env["LIFEBOAT_TRIAL"] === undefined ? 8 : 100;
const timeout = 1_200_000;

async function appendFrom(place: string): Promise<void> {
  const script = join(import.meta.dirname, "appending-process.ts");
  const ends = Array.from({ length: processes }, async (_, number) => {
    const child = spawn(process.execPath, [script, place, String(each), `writer-${number}`], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    const [code] = (await once(child, "exit")) as [number | null];
    return code;
  });
  expect(await Promise.all(ends)).toEqual(Array.from({ length: processes }, () => 0));
}

async function expectAll(ledger: Ledger): Promise<void> {
  const { records, problems } = await ledger.read("whole");
  expect(problems).toEqual([]);
  const written = Array.from(
    { length: processes * each },
    (_, at) => `writer-${at % processes}-${Math.floor(at / processes)}`,
  );
  expect(records.map(({ by }) => by.name).sort()).toEqual(written.sort());
}

test(
  `${processes * each} records on a branch: none is lost, each follows the one before`,
  { timeout },
  async () => {
    await using api = await contentsApi();
    await appendFrom(api.apiUrl);
    expect(api.branch.refused).toBeGreaterThan(0);
    await expectAll(api.open());
    const { records } = await api.open().read("whole");
    expect(records.filter(({ previous }) => previous.length !== 1)).toHaveLength(1);
  },
);

test(`${processes * each} records in a directory store`, { timeout }, async () => {
  const path = await mkdtemp(join(tmpdir(), "lifeboat-ledger-"));
  try {
    await appendFrom(path);
    await expectAll(
      storeLedger(directoryStore({ path, clock: systemClock, logger: silentLogger }), systemClock),
    );
  } finally {
    await rm(path, { recursive: true });
  }
});
