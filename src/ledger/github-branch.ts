/**
 * The ledger on a branch of its own (`lifeboat-ledger`), by GitHub's contents API: one file a month, one record a line.
 * The API refuses to replace a file that changed meanwhile, so that no record of a concurrent act is lost.
 */
import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { LifeboatError } from "../errors.ts";
import type { SigningKey } from "../snapshot/signature.ts";
import type { Clock } from "../system/clock.ts";
import { type Ledger, type LedgerSpan, recordBytes, yearsRead } from "./ledger.ts";
import { bytesWithin } from "../system/bounded.ts";
import { sizeLimits } from "../snapshot/size-limits.ts";
import { streamOf } from "../system/stream-of.ts";
import { type LedgerReading, readRecords, type StoredRecord } from "./record.ts";

export const ledgerBranch = "lifeboat-ledger";

export interface GitHubLedgerSettings {
  readonly repository: { readonly owner: string; readonly name: string };
  /** Needs `contents: write`; `contents: read` for reading. */
  readonly token: string;
  readonly apiUrl: string;
  readonly clock: Clock;
  readonly signingKey?: SigningKey | undefined;
  readonly sleep?: (milliseconds: number) => Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly bytes: Buffer;
}

const newline = 0x0a;
const tries = 8;
/** Each time another run's record came first, so that all of them get on. */
const conflicts = 100;
const answerWithinMs = 60_000;

export function githubLedger(settings: GitHubLedgerSettings): Ledger {
  const { repository, token, apiUrl, clock, signingKey } = settings;
  const sleep = settings.sleep ?? ((milliseconds: number) => delay(milliseconds));
  const base = `${apiUrl}/repos/${repository.owner}/${repository.name}`;

  async function ask(method: string, path: string, body?: object): Promise<Answer> {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await once(method, path, body);
      const isBusy = answer.status === 0 || answer.status >= 500 || answer.status === 429;
      if (!isBusy) return allowed(answer, path);
      if (attempt === tries) {
        throw new LifeboatError(
          "store-temporary",
          `GitHub did not answer for the ledger (${answer.status}).`,
        );
      }
      await sleep(waitMs(attempt));
    }
  }

  async function once(method: string, path: string, body: object | undefined): Promise<Answer> {
    try {
      const response = await fetch(base + path, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          accept: `application/vnd.github${/\.jsonl\?/.test(path) ? ".raw" : ""}+json`,
          "x-github-api-version": "2022-11-28",
          "user-agent": "lifeboat",
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(answerWithinMs),
      });
      // A secondary limit is a 403 too, but one that ends by itself.
      const isLimit = response.status === 403 && response.headers.has("retry-after");
      return {
        status: isLimit ? 429 : response.status,
        bytes: await bytesWithin(response.body ?? streamOf(new Uint8Array(0)), {
          document: path,
          maxBytes: sizeLimits.ledgerMonth,
        }),
      };
    } catch (cause) {
      if (cause instanceof LifeboatError) throw cause;
      return { status: 0, bytes: Buffer.alloc(0) };
    }
  }

  function allowed(answer: Answer, path: string): Answer {
    if (answer.status !== 401 && answer.status !== 403) return answer;
    throw new LifeboatError("store-permission-missing", `GitHub refused the ledger at ${path}.`, {
      hint: "Add `permissions:` with `contents: write` to the job, or leave out the input `ledger`.",
    });
  }

  /** Paths of a year's files, in the order of time. */
  async function monthsOf(year: number): Promise<readonly string[]> {
    const { status, bytes } = await ask("GET", `/contents/ledger/${year}?ref=${ledgerBranch}`);
    if (status === 404) return [];
    if (status !== 200) throw unreadable(status);
    const entries = directorySchema.safeParse(jsonOf(bytes));
    if (!entries.success) throw unreadable(status);
    const names = entries.data.map(({ name }) => name).filter((name) => /^\d\d\.jsonl$/.test(name));
    return names.sort().map((name) => `/contents/ledger/${year}/${name}`);
  }

  /** The file of a month; empty where there is none yet. */
  async function file(path: string): Promise<Buffer> {
    const { status, bytes } = await ask("GET", `${path}?ref=${ledgerBranch}`);
    if (status === 404) return Buffer.alloc(0);
    if (status === 200) return bytes;
    throw unreadable(status);
  }

  /** Of years that nothing is added to any more: a pruning looks at all of them, twice. */
  const closed = new Map<number, readonly StoredRecord[]>();

  async function recordsOf(year: number): Promise<readonly StoredRecord[]> {
    const known = closed.get(year);
    if (known !== undefined) return known;
    const stored: StoredRecord[] = [];
    for (const path of await monthsOf(year)) stored.push(...linesOf(path, await file(path)));
    if (!yearsRead(clock.now(), "recent").includes(year)) closed.set(year, stored);
    return stored;
  }

  async function read(span: LedgerSpan = "recent"): Promise<LedgerReading> {
    const stored: StoredRecord[] = [];
    for (const year of yearsRead(clock.now(), span)) stored.push(...(await recordsOf(year)));
    return readRecords(stored, { isWhole: span === "whole", isOrdered: true });
  }

  /** A branch without a common commit with the others: it must never be merged. */
  async function makeBranch(): Promise<void> {
    const text = "Records of Lifeboat, one a line. Nothing is ever changed or removed here.\n";
    const tree = shaOf(
      await ask("POST", "/git/trees", {
        tree: [{ path: "README.md", mode: "100644", type: "blob", content: text }],
      }),
    );
    const commit = shaOf(
      await ask("POST", "/git/commits", { message: "Begin the ledger", tree, parents: [] }),
    );
    const { status } = await ask("POST", "/git/refs", { ref: `refs/heads/${ledgerBranch}`, sha: commit });
    // 422: another run has just made it.
    if (status !== 201 && status !== 422) throw unwritable(status);
  }

  return {
    place: `${repository.owner}/${repository.name}@${ledgerBranch}`,
    read,
    append: async (entry) => {
      const moment = new Date(entry.time);
      for (let attempt = 1; ; attempt += 1) {
        const before = await file(pathOf(moment));
        const { records } = before.length > 0 ? readRecords(linesOf(pathOf(moment), before)) : await read();
        const record = recordBytes(entry, records, signingKey);
        const content = Buffer.concat([
          before,
          // A file that was cut in its last line: the next record must not become a part of it.
          Buffer.from(before.length === 0 || before.at(-1) === newline ? "" : "\n"),
          Buffer.from(`${JSON.stringify(Buffer.from(record).toString("utf8"))}\n`),
        ]);
        const { status } = await ask("PUT", pathOf(moment), {
          message: `Record: ${entry.act} of ${entry.source}`,
          branch: ledgerBranch,
          content: content.toString("base64"),
          ...(before.length === 0 ? {} : { sha: blobSha(before) }),
        });
        if (status === 200 || status === 201) return;
        const isConflict = status === 409 || status === 422;
        if (attempt === (isConflict ? conflicts : tries)) throw unwritable(status);
        if (status === 404) await makeBranch();
        // 409 and 422: the file or the branch moved, so all is read again.
        else if (!isConflict) throw unwritable(status);
        await sleep(waitMs(Math.min(attempt, 4)));
      }
    },
  };
}

function pathOf(moment: Date): string {
  const [year, month] = moment.toISOString().split("-");
  return `/contents/ledger/${year ?? ""}/${month ?? ""}.jsonl`;
}

const directorySchema = z.array(z.looseObject({ name: z.string() }));

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}

/**
 * Each line is a record's text as a JSON string, so that its hash still covers its very bytes. Whatever else stands in the
 * file, a blank or a last line that does not end too, was not written by us.
 */
function linesOf(path: string, file: Buffer): readonly StoredRecord[] {
  const name = path.replace("/contents/", "");
  const lines = file.toString("utf8").split("\n");
  const isWhole = lines.at(-1) === "";
  if (isWhole) lines.pop();
  return lines.map((line, index) => ({
    name: `in line ${index + 1} of ${name}`,
    bytes: Buffer.from(isWhole || index < lines.length - 1 ? textOf(line) : ""),
  }));
}

function textOf(line: string): string {
  const value = jsonOf(Buffer.from(line));
  return typeof value === "string" && JSON.stringify(value) === line ? value : "";
}

/** As git names a file's content: the contents API demands it of whoever replaces a file. */
function blobSha(bytes: Buffer): string {
  return createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
}

function shaOf({ status, bytes }: Answer): string {
  const [, sha] = /"sha":\s*"([0-9a-f]{40})"/.exec(bytes.toString("utf8")) ?? [];
  if (status === 201 && sha !== undefined) return sha;
  throw unwritable(status);
}

function waitMs(attempt: number): number {
  return 250 * 2 ** attempt * (0.5 + Math.random() / 2);
}

function unreadable(status: number): LifeboatError {
  return new LifeboatError("ledger-failed", `GitHub did not give the ledger (status ${status}).`);
}

function unwritable(status: number): LifeboatError {
  return new LifeboatError("ledger-failed", `GitHub did not take a record of the ledger (status ${status}).`);
}
