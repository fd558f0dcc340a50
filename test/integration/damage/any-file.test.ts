/** Random harm to every kind of file in a store: each is named, and none lets more be deleted than the whole store would. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { asLifeboatError } from "../../../src/errors.ts";
import { verificationError } from "../../../src/actions/verify/report.ts";
import { observeSnapshots } from "../../../src/operations/observe-snapshots.ts";
import { planPruning } from "../../../src/operations/plan-pruning.ts";
import { calendarOf } from "../../../src/policy/calendar.ts";
import { restoreBuckets } from "../../../src/operations/restore-buckets.ts";
import type { Store } from "../../../src/store/store.ts";
import { objectFilter } from "../../../src/storage/object-filter.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { prune } from "../retention/shelter.ts";
import { apiOf } from "../buckets/safe.ts";
import {
  filesIn,
  type Harm,
  harm,
  type HarmedStore,
  makeStore,
  packIn,
  pruning,
  randomFrom,
  retention,
  source,
  verifyIn,
} from "./harmed-store.ts";

const isTrial = process.env["LIFEBOAT_TRIAL"] !== undefined;
const harms: readonly Harm[] = ["flip", "cut", "empty", "gone", "longer", "swapped"];
/** Of each kind and harm. */
const rounds = isTrial ? 3 : 1;
/** In CI one harm of each kind of file, another one for each kind. */
const chosen = (at: number): readonly Harm[] => (isTrial ? harms : [harms[at % harms.length]!]);
const seed = 20261130;

interface Outcome {
  /** By command, what it said. */
  readonly said: Readonly<Record<string, string>>;
  readonly deleted: ReadonlySet<string>;
  readonly codes: Readonly<Record<string, string>>;
}

describe("a store", () => {
  let whole: HarmedStore;
  let reference: Outcome;

  beforeAll(async () => {
    whole = await makeStore();
    const { path, store } = await whole.copy();
    reference = await commandsOn(path, store, newest());
    await rm(path, { recursive: true });
  }, 120_000);
  afterAll(async () => await whole[Symbol.asyncDispose]());

  const newest = (): string => whole.kinds.get("snapshot.json")?.at(-1)?.split("/")[2] ?? "";

  /** Everything whose job it is to look, in the order in which it changes least. */
  async function commandsOn(path: string, store: Store, id: string): Promise<Outcome> {
    const { clock, key, safe } = whole;
    const trust = whole.trust(store);
    const said: Record<string, string> = {};
    const codes: Record<string, string> = {};
    const run = async (
      name: string,
      work: () => Promise<{ text: string; error?: unknown }>,
    ): Promise<void> => {
      try {
        const { text, error } = await work();
        said[name] = `${text}\n${error === undefined ? "" : asLifeboatError(error).message}`;
        codes[name] = error === undefined ? "" : asLifeboatError(error).code;
      } catch (cause) {
        const { message, code } = asLifeboatError(cause);
        said[name] = message;
        codes[name] = code;
      }
    };
    const lines = (
      findings: readonly { readonly level: string; readonly publicSentence: string }[],
    ): string =>
      findings
        .filter(({ level }) => level !== "info")
        .map(({ publicSentence }) => publicSentence)
        .join("\n");
    await run("ledger verify", async () => ({
      text: (await trust.ledger.read("whole")).problems.join("\n"),
    }));
    await run("monitor", async () => {
      const seen = await observeSnapshots(store, { source, trust, now: clock.now(), isThorough: true });
      const plan = planPruning(seen, { retention, calendar: calendarOf("UTC"), now: clock.now() });
      return { text: lines(plan.findings) };
    });
    for (const level of isTrial ? (["stored", "unsealed"] as const) : (["unsealed"] as const)) {
      await run(`verify ${level}`, async () => {
        const report = await verifyIn(store, { ...whole, ledger: trust.ledger }, level, id);
        const findings = [...report.findings, ...report.components.flatMap((one) => one.findings)];
        return { text: lines(findings), error: verificationError(report) };
      });
    }
    await run("restore", async () => {
      await restoreBuckets(
        {
          source,
          choice: { kind: "latest" },
          identities: safe.identities,
          filter: objectFilter({}),
          jobs: 2,
          dryRun: false,
          planHash: undefined,
          confirm: undefined,
          trust,
          target: {
            kind: "directory",
            path: join(safe.folder, randomBytes(4).toString("hex")),
            replace: false,
          },
        },
        {
          api: apiOf(safe.server),
          store,
          clock,
          logger: silentLogger,
          lifeboatVersion: "0.0.0",
          zstd: "zstd",
          signal: new AbortController().signal,
        } as Parameters<typeof restoreBuckets>[1],
      );
      return { text: "" };
    });
    await run("prune --dry-run", async () => {
      const report = await prune(store, clock, { ...pruning(key), trust, dryRun: true });
      return { text: lines(report.findings), error: report.error };
    });
    const before = await filesIn(path);
    await run("prune", async () => {
      const report = await prune(store, clock, { ...pruning(key), trust });
      return { text: lines(report.findings), error: report.error };
    });
    const after = new Set(await filesIn(path));
    return { said, codes, deleted: new Set(before.filter((file) => !after.has(file))) };
  }

  test("that is whole says nothing, and prunes what has ended", () => {
    expect(Object.values(reference.said).join("").trim()).toBe("");
    const deleted = [...reference.deleted];
    expect(deleted.filter((file) => file.endsWith("snapshot.json")).length).toBeGreaterThan(0);
    expect(deleted.filter((file) => file.startsWith("packs/")).length).toBeGreaterThan(0);
    expect([...whole.kinds.keys()].sort()).toEqual([
      ...[
        "contents.json",
        "drill",
        "evidence",
        "freeze",
        "hold",
        "index",
        "ledger record",
        "pack",
        "pack mark",
      ],
      ...["release", "rewrap", "snapshot.json", "store id", "tombstone", "unfreeze"],
    ]);
  });

  test(
    "that is harmed anywhere says so by name, and deletes no more",
    async () => {
      const random = randomFrom(seed);
      const counts = new Map<string, { harmed: number; named: number }>();
      const silent: string[] = [];
      for (const [at, [kind, files]] of [...whole.kinds].entries()) {
        for (const how of chosen(at)) {
          for (let round = 0; round < rounds; round += 1) {
            const file = files[Math.floor(random() * files.length)]!;
            const { path, store } = await whole.copy();
            try {
              // What no snapshot has seen of the ledger yet has no other witness.
              if (kind === "ledger record" && how === "gone" && !whole.witnessed.has(file)) continue;
              const detail = await harm(path, file, how, files, random);
              if (detail === undefined) continue;
              const id = file.startsWith("snapshots/") ? (file.split("/")[2] ?? "") : newest();
              const outcome = await commandsOn(path, store, whole.packUsers.get(packIn(file)) ?? id);
              const what = `${kind} ${file} ${how} ${detail}`;
              const more = [...outcome.deleted].filter((one) => !reference.deleted.has(one) && one !== file);
              // A mark of a pack in use goes, and so may a harmed one.
              expect(more, what).toEqual([]);
              expect(Object.values(outcome.codes), `${what}: ${JSON.stringify(outcome.said)}`).not.toContain(
                "unexpected",
              );
              const count = counts.get(kind) ?? { harmed: 0, named: 0 };
              counts.set(kind, count);
              count.harmed += 1;
              if (namedIn(outcome, kind, file)) count.named += 1;
              else silent.push(`${what}\n${JSON.stringify(outcome.said)}`);
            } finally {
              await rm(path, { recursive: true, force: true });
            }
          }
        }
      }
      console.log(
        [...counts].map(([kind, { harmed, named }]) => `${kind}: ${named} of ${harmed}`).join("\n"),
      );
      // Nobody has recorded where marks and new headers were: without them less is deleted, and old keys still open. A store
      // that was moved and lost its id is a new one to the ledger.
      const recorded = silent.filter((one) => !/^(?:pack mark|rewrap|store id) \S+ gone/.test(one));
      expect(recorded).toEqual([]);
    },
    isTrial ? 1_800_000 : 120_000,
  );
});

/** The file itself, or the snapshot or pack that it is of. */
function namedIn({ said }: Outcome, kind: string, file: string): boolean {
  const name = file.split("/").at(-1)!;
  const [, , id = ""] = file.split("/");
  const text = Object.values(said).join("\n");
  if (kind === "snapshot.json") return text.includes(id);
  if (kind === "pack") return text.includes(name.split(".")[0]!);
  if (kind === "ledger record" && /follows one that is gone|has lost records/.test(text)) return true;
  return text.includes(file) || (file.startsWith("snapshots/") && text.includes(name) && text.includes(id));
}
