/** Commands that get SIGTERM at an instant of their run, and what they said of themselves then. */
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import type { LedgerRecord } from "../../../src/ledger/record.ts";
import { seededRandom } from "../faults/random.ts";
import { type Place, startRun, storeAddress } from "../faults/runs.ts";

const cli = fileURLToPath(new URL("entry.ts", import.meta.url));

/** So many instants of each command; the trial takes the full count. */
export const instants =
  process.env["LIFEBOAT_TRIAL"] === undefined ? 1 : Number(process.env["LIFEBOAT_INSTANTS"] ?? 50);

export interface Said {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Of the error, or "". */
  readonly errorCode: string;
  readonly message: string;
  readonly stderr: string;
  readonly document: unknown;
  /** What the hooks wrote. */
  readonly hooks: readonly string[];
  /** The outcome that the ledger in the store got from this run; "" for none. */
  readonly ledger: string;
  /** From the moment in which the program was loaded. */
  readonly workMs: number;
}

export interface Command {
  readonly place: Place;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Sends signals; called when the program has been loaded. */
  readonly during?: (send: (signal: NodeJS.Signals) => void) => Promise<void>;
}

export async function runCommand({ place, args, env = {}, during }: Command): Promise<Said> {
  const hookFile = join(place.folder, "hooks");
  await rm(hookFile, { force: true });
  const known = new Set((await ledgerRecords(place)).map(({ sha256 }) => sha256));
  const run = startRun(place, [cli, ...args, "--json"], env);
  const loaded = new Promise<number>((resolve) => {
    run.child.stderr?.on("data", (text: string) => text.includes("LOADED") && resolve(performance.now()));
  });
  await Promise.all([loaded.then(() => during?.((signal) => run.child.kill(signal))), run.ended]);
  const workMs = performance.now() - (await loaded);
  const { code, signal, stdout, stderr } = await run.ended;
  const document = stdout === "" ? undefined : (JSON.parse(stdout) as unknown);
  const { error } = (document ?? {}) as { error?: { code: string; message: string } };
  const hooks = await readFile(hookFile, "utf8").catch(() => "");
  const added = (await ledgerRecords(place)).filter(({ sha256 }) => !known.has(sha256));
  return {
    code,
    signal,
    errorCode: error?.code ?? /^\((\S+): docs/m.exec(stderr)?.[1] ?? "",
    message: error?.message ?? /^Error: (.*)$/m.exec(stderr)?.[1] ?? "",
    stderr,
    document,
    hooks: hooks.split("\n").filter((line) => line !== ""),
    // A pruning tells the ledger before it removes anything, too: that record has no outcome.
    ledger: added.findLast(({ outcome }) => outcome !== undefined)?.outcome ?? "",
    workMs,
  };
}

/** Flags of hooks that write down what they are told. */
export function hookFlags(place: Place): readonly string[] {
  const file = join(place.folder, "hooks");
  return ["--before", `echo before >> ${file}`, "--after", `echo "after $LIFEBOAT_OUTCOME" >> ${file}`];
}

async function ledgerRecords(place: Place): Promise<readonly LedgerRecord[]> {
  const root = join(place.store, "ledger");
  const names = await readdir(root, { recursive: true }).catch(() => []);
  const files = names.filter((name) => name.endsWith(".json")).sort();
  return await Promise.all(
    files.map(async (name) => JSON.parse(await readFile(join(root, name), "utf8")) as LedgerRecord),
  );
}

export interface Trial {
  readonly name: string;
  /** Everything as it was before the first run. */
  readonly prepare: () => Promise<void>;
  readonly command: () => Command;
  /** Throws where what was said is not what is there. Returns a word for the tally. */
  readonly compare: (said: Said) => Promise<string>;
}

/** Measures a whole run, then stops runs at instants spread over it, and compares each with what is there. */
export async function stopEverywhere({ name, prepare, command, compare }: Trial): Promise<void> {
  const random = seededRandom();
  await prepare();
  const whole = await runCommand(command());
  expect(whole.code, whole.stderr).toBe(0);
  await compare(whole);
  const tally: Record<string, number> = {};
  for (let instant = 0; instant < instants; instant += 1) {
    await prepare();
    const share = (instant + random.next()) / instants;
    const said = await runCommand({
      ...command(),
      during: async (send) => {
        await sleep(share * whole.workMs);
        send("SIGTERM");
      },
    });
    const context = `seed ${random.seed}, instant ${instant}, ${JSON.stringify(said)}`;
    const word = await compare(said).catch((cause: unknown) => {
      throw new Error(`${name}: ${context}`, { cause });
    });
    tally[word] = (tally[word] ?? 0) + 1;
  }
  console.log(`CANCELLED ${name}: ${instants} of ${instants} told as they were ${JSON.stringify(tally)}`);
}

/** Ended before it had begun to listen, or by a cancel that came in time, or done all the same. */
export function wayOf({ code, signal, errorCode, stderr }: Said): "killed" | "cancelled" | "done" {
  if (signal === "SIGTERM") return "killed";
  if (code === 0) return "done";
  expect([code, errorCode], stderr).toEqual([1, "run-cancelled"]);
  return "cancelled";
}

export function storeFlags(place: Place): readonly string[] {
  return ["--store", storeAddress(place)];
}
