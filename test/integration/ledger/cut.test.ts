/** A ledger whose newest records were cut off is still a whole chain; the snapshots remember what they saw at its end. */
import { expect, test } from "vitest";
import { endOfLedger } from "../../../src/ledger/end.ts";
import type { Ledger } from "../../../src/ledger/ledger.ts";
import { observeSnapshots } from "../../../src/operations/observe-snapshots.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { directory } from "../retention/places.ts";
import { backUp, clockAt, newSigningKey, prune, source } from "../retention/shelter.ts";
import { contentsApi } from "./contents-api.ts";

async function scene() {
  const place = await directory();
  const api = await contentsApi();
  const ledger = api.open();
  const clock = clockAt(new Date());
  const act = async (name: string): Promise<void> => {
    clock.at = new Date(clock.at.getTime() + 60_000);
    const known = { act: name, source, store: place.store.address, heads: [], witnessed: [] };
    await ledger.append({ ...known, by: { name: "octocat" }, time: clock.at.toISOString() });
  };
  /** One that remembers the ledger's end, and is recorded itself. */
  const night = async (): Promise<string> => {
    const seenLedger = await endOfLedger(ledger, silentLogger);
    const { id } = await backUp(place.store, clock.at, { seenLedger });
    await act("db-backup");
    return id;
  };
  const cutTo = (lines: number): void => {
    const [[path, bytes]] = [...api.files] as [[string, Buffer]];
    api.files.set(path, Buffer.from(bytes.toString().split("\n").slice(0, lines).join("\n") + "\n"));
  };
  const look = async (by: Ledger = ledger): Promise<readonly string[]> =>
    (
      await observeSnapshots(place.store, { source, trust: { signers: [], ledger: by }, now: clock.at })
    ).findings
      .filter(({ code }) => code === "ledger-broken")
      .map(({ publicSentence }) => publicSentence);
  return {
    ...{ place, api, ledger, clock, act, night, cutTo, look },
    [Symbol.asyncDispose]: async () => {
      await api[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    },
  };
}

test("is found as soon as a later snapshot saw what is gone, and pruning stops", async () => {
  await using s = await scene();
  await s.night();
  await s.act("verify");
  const second = await s.night();
  expect(await s.look()).toEqual([]);
  s.cutTo(1);
  expect((await s.ledger.read("whole")).problems).toEqual([]);
  const [told, ...more] = await s.look();
  expect(told).toContain(`which snapshot ${second} saw at its end, is gone`);
  expect(more).toEqual([]);
  const trust = { signers: [], ledger: s.ledger };
  expect((await prune(s.place.store, s.clock, { trust })).freeze).toBe(told);
  // The next record makes the cut chain longer, and hides nothing.
  await s.act("verify");
  expect(await s.look()).toEqual([told]);
});

test("a whole branch that is gone is found too, and another place is another ledger", async () => {
  await using s = await scene();
  await s.night();
  await s.night();
  const renamed: Ledger = { ...s.ledger, place: "acme/renamed@lifeboat-ledger" };
  s.api.files.clear();
  expect(await s.look()).toHaveLength(1);
  expect(await s.look(renamed)).toEqual([]);
});

test("a backup that ends between two looks is no alarm", async () => {
  await using s = await scene();
  await s.night();
  const early = await s.ledger.read();
  await s.act("verify");
  await s.night();
  const readings = [early];
  const late: Ledger = {
    ...s.ledger,
    read: (span) => {
      const first = readings.shift();
      return first === undefined ? s.ledger.read(span) : Promise.resolve(first);
    },
  };
  expect(await s.look(late)).toEqual([]);
  expect(readings).toEqual([]);
});

test("only snapshots whose signature counts may say so", async () => {
  await using s = await scene();
  const { signer } = newSigningKey();
  const place = s.ledger.place;
  const last = [{ sha256: "0".repeat(64), time: s.clock.at.toISOString() }];
  await backUp(s.place.store, s.clock.at, { seenLedger: { place, last } });
  expect(await s.look()).toHaveLength(1);
  const trust = { signers: [signer], ledger: s.ledger };
  const { findings } = await observeSnapshots(s.place.store, { source, trust, now: s.clock.at });
  expect(findings.filter(({ code }) => code === "ledger-broken")).toEqual([]);
});

test("a ledger that cannot be read is told, and stops no backup", async () => {
  const warnings: string[] = [];
  const logger = { ...silentLogger, warning: (text: string) => warnings.push(text) };
  await using s = await scene();
  const unreadable: Ledger = { ...s.ledger, read: () => Promise.reject(new Error("down")) };
  expect(await endOfLedger(unreadable, logger as typeof silentLogger)).toBeUndefined();
  expect(warnings.join()).toContain("The ledger could not be read");
});
