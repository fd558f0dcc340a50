/**
 * Entries of the ledger on their way from a job that may not write to one that may, one a line of a file. The job that
 * restores what somebody wrote needs no right over the repository; the other one reads what it left as a stranger's.
 */
import { appendFile, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { LifeboatError } from "../errors.ts";
import { isSnapshotId } from "../snapshot/ids.ts";
import { isSourceName } from "../snapshot/keys.ts";
import { seenHead } from "../snapshot/snapshot-json.ts";
import type { Actor } from "../snapshot/tombstone.ts";
import type { Ledger } from "./ledger.ts";
import type { LedgerEntry, LedgerRecord } from "./record.ts";

/** A ledger that is read, and whose next entries are left in a file. */
export function handedOn(ledger: Ledger, file: string): Ledger {
  return {
    ...ledger,
    append: (entry) => appendFile(file, `${JSON.stringify(entry)}\n`, { mode: 0o600 }),
  };
}

/** Words that pass through pages and logs as they are. */
const word = z.string().regex(/^[a-z0-9-]{1,100}$/);

/** Who did it, and from what, is not asked of a stranger. */
const handedOnEntry = z
  .object({
    act: z.enum(["verify", "drill"]),
    source: z.string().refine(isSourceName),
    store: z.string().regex(/^[^\p{C}<>]{1,1000}$/u),
    heads: z.array(seenHead.strict()).max(10_000),
    witnessed: z.array(z.string().regex(/^[0-9a-f]{64}$/)).max(100),
    time: z.iso.datetime(),
    snapshot: z.string().refine(isSnapshotId).exactOptional(),
    outcome: z.enum(["success", "failure", "damaged", "not-verified", "cancelled"]).exactOptional(),
    findings: z.array(word).max(1000).exactOptional(),
  })
  .strip();

export interface Handover {
  /** With the files of all jobs, at any depth. */
  readonly folder: string;
  /** Of the policy: nothing else is spoken of. */
  readonly sources: readonly string[];
  readonly ledger: Ledger;
  readonly by: Actor;
  readonly commit?: string | undefined;
  readonly now: Date;
}

export interface HandoverReport {
  readonly appended: readonly LedgerEntry[];
  /** Were there already: a job was run again. */
  readonly known: number;
  /** Files that are not what such jobs leave. */
  readonly refused: number;
}

const largestFileBytes = 8 * 1024 * 1024;
const mostFiles = 1000;
const mostLines = 1000;
/** A run waits for people, but not for ever; clocks differ by a little. */
const oldestMs = 7 * 24 * 3600 * 1000;
const youngestMs = 10 * 60 * 1000;

/** A file that is wrong in one line is not believed at all; the others are. */
export async function appendHandedOn(handover: Handover): Promise<HandoverReport> {
  const { folder, ledger, by, commit } = handover;
  const files = await filesIn(folder);
  const read = await Promise.all(files.map((file) => entriesOf(file, handover)));
  const { records } = await ledger.read();
  const appended: LedgerEntry[] = [];
  let known = 0;
  for (const entry of read.flatMap((entries) => entries ?? [])) {
    if ([...records, ...appended].some((other) => isSame(other, entry))) {
      known += 1;
      continue;
    }
    const whole = { ...entry, by, ...(commit === undefined ? {} : { commit }) };
    await ledger.append(whole);
    appended.push(whole);
  }
  return { appended, known, refused: read.filter((entries) => entries === undefined).length };
}

async function filesIn(folder: string): Promise<readonly string[]> {
  let entries;
  try {
    entries = await readdir(folder, { recursive: true, withFileTypes: true });
  } catch (cause) {
    // No job left anything.
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw new LifeboatError("input-invalid", "The folder of the ledger's entries cannot be read.", {
      hint: "Name the folder into which the artifacts were downloaded.",
      cause,
    });
  }
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  if (files.length <= mostFiles) return files.toSorted();
  throw new LifeboatError(
    "input-invalid",
    `The folder of the ledger's entries has more than ${mostFiles} files.`,
    {
      hint: "Download only the artifacts whose names begin with lifeboat-entries-.",
    },
  );
}

async function entriesOf(
  file: string,
  { sources, now }: Handover,
): Promise<readonly z.infer<typeof handedOnEntry>[] | undefined> {
  if ((await stat(file)).size > largestFileBytes) return undefined;
  const lines = (await readFile(file, "utf8")).split("\n").filter((line) => line !== "");
  if (lines.length > mostLines) return undefined;
  const entries = lines.map((line) => {
    const { success, data } = handedOnEntry.safeParse(jsonOf(line));
    if (!success || !sources.includes(data.source)) return undefined;
    const ageMs = now.getTime() - Date.parse(data.time);
    return ageMs > oldestMs || ageMs < -youngestMs ? undefined : data;
  });
  return entries.every((entry) => entry !== undefined) ? entries : undefined;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isSame(
  one: LedgerEntry | LedgerRecord,
  other: Pick<LedgerEntry, "act" | "source" | "store" | "time" | "witnessed">,
): boolean {
  const key = ({ act, source, store, time, witnessed }: typeof other): string =>
    JSON.stringify([act, source, store, time, witnessed]);
  return key(one) === key(other);
}
