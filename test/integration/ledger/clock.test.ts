/** Records of a ledger are dated by the clocks that agree, not by this machine's alone. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { witnessed } from "../../../src/actions/witnessed.ts";
import { storeLedger } from "../../../src/ledger/ledger.ts";
import { directoryStore } from "../../../src/store/directory.ts";
import { type Clock, systemClock } from "../../../src/system/clock.ts";
import { silentLogger as logger } from "../../../src/system/logger.ts";

const hourMs = 3_600_000;

test("an act on a machine that is ahead is recorded at its real time, done or failed", async () => {
  const folder = await mkdtemp(join(tmpdir(), "lifeboat-ledger-clock-"));
  try {
    const clock: Clock = {
      now: () => new Date(systemClock.now().getTime() + 48 * hourMs),
      elapsedMs: () => systemClock.elapsedMs(),
    };
    const store = directoryStore({ path: folder, clock: systemClock, logger });
    const ledger = storeLedger(store, systemClock);
    const act = { act: "restore", source: "app", store, by: { name: "octocat" } };
    const done = { result: {}, findings: [] };
    const means = { clock, logger, signal: new AbortController().signal };
    await witnessed(ledger, act, means, () => Promise.resolve(done));
    const failing = witnessed(ledger, act, means, () => Promise.reject(new Error("no")));
    await expect(failing).rejects.toThrow("no");
    const { records } = await ledger.read("whole");
    expect(records).toHaveLength(2);
    for (const { time } of records) {
      expect(Math.abs(Date.parse(time) - systemClock.now().getTime())).toBeLessThan(hourMs);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
