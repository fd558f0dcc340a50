/**
 * A connection through which no byte comes any more: is the server at work, or has the network swallowed it? Nobody
 * says so: a session that a router forgot stays open at both ends. A second connection asks the server.
 */
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { asLifeboatError, LifeboatError } from "../errors.ts";
import type { Connection, StallLimits } from "./connection.ts";
import { openSession } from "./open-session.ts";

const usualLimits: StallLimits = { quietMs: 15 * 60_000, confirmMs: 60_000, answerMs: 60_000 };
/** Counted and not timed: a machine that slept has missed nothing. */
const ticks = 4;

export interface StallWatch extends Disposable {
  /** Something passed. */
  moved(): void;
  /** What ended it, where it was the watch. */
  readonly failure: LifeboatError | undefined;
}

export interface StallOptions {
  readonly connection: Connection;
  /** How the server knows the session, or those of a program. */
  readonly where: { readonly pid: string } | { readonly application_name: string };
  /** Whether it is the server's turn; while somebody else has it, nothing is amiss here. */
  readonly isWaiting: () => boolean;
  readonly stop: (failure: LifeboatError) => void;
  /** The program's process, whose bytes Linux counts: what is compressed shows only now and then. */
  readonly process?: () => number | undefined;
}

export function watchForStall(options: StallOptions): StallWatch {
  const { connection, isWaiting, stop } = options;
  const limits = connection.stallLimits ?? usualLimits;
  const over = new AbortController();
  const pause = (ms: number): Promise<void> => delay(ms, undefined, { signal: over.signal, ref: false });
  let moves = 0;
  let failure: LifeboatError | undefined;
  const standing = async (): Promise<readonly [answer: string, all: string]> => {
    const answer = await askServer(options, limits);
    const through = await readFile(`/proc/${options.process?.() ?? "none"}/io`, "utf8").catch(() => "");
    return [answer, `${answer}\n${through}`];
  };
  const standsStill = async (): Promise<string | undefined> => {
    const before = moves;
    const still = (): boolean => moves === before && isWaiting();
    for (let tick = 0; tick < ticks; tick += 1) {
      await pause(limits.quietMs / ticks);
      if (!still()) return undefined;
    }
    const [answer, first] = await standing();
    if (answer === busy) return undefined;
    await pause(limits.confirmMs);
    if (!still()) return undefined;
    const [, second] = await standing();
    return still() && first === second ? answer : undefined;
  };
  const watch = async (): Promise<void> => {
    let answer: string | undefined;
    while (answer === undefined) answer = await standsStill();
    over.signal.throwIfAborted();
    failure = stalled(answer, limits.quietMs);
    stop(failure);
  };
  watch().catch(() => {});
  return {
    moved: () => (moves += 1),
    get failure() {
      return failure;
    },
    [Symbol.dispose]: () => over.abort(),
  };
}

const busy = "busy";
const unreachable = "unreachable";

/**
 * `busy`: the server works for it, or answered something that decides nothing. Else how it stands: two answers that are
 * alike mean that nothing happened between them.
 */
async function askServer({ connection, where }: StallOptions, { answerMs }: StallLimits): Promise<string> {
  const { connectTimeoutSeconds = 30 } = connection;
  const seconds = Math.max(1, Math.min(connectTimeoutSeconds || 30, Math.ceil(answerMs / 1000)));
  const [column, value] = "pid" in where ? ["pid", where.pid] : ["application_name", where.application_name];
  const ask = async (): Promise<string> => {
    const { client } = await openSession({ ...connection, connectTimeoutSeconds: seconds });
    try {
      const { rows } = await client.query<{ busy: string; standing: string }>(
        `select state is null or (state in ('active', 'fastpath function call') and wait_event_type is distinct from 'Client') as busy,
                pg_catalog.concat_ws(' ', pid, state, state_change) as standing
           from pg_catalog.pg_stat_activity where ${column} = $1 and usename = session_user order by pid`,
        [value],
      );
      return rows.some((row) => row.busy === "t") ? busy : rows.map((row) => row.standing).join("\n");
    } finally {
      await client.end().catch(() => {});
    }
  };
  const answer = ask().catch((cause: unknown) => {
    const { code } = asLifeboatError(cause);
    return code === "database-unreachable" || code === "connection-lost" ? unreachable : busy;
  });
  return await Promise.race([answer, delay(answerMs, unreachable, { ref: false })]);
}

function stalled(answer: string, quietMs: number): LifeboatError {
  const what =
    answer === unreachable
      ? "the server cannot be reached either"
      : "the server waits for this side, so the network between lost it";
  const minutes = Math.max(1, Math.round(quietMs / 60_000));
  return new LifeboatError(
    "connection-stalled",
    `No byte passed through a connection to the database for ${minutes} minutes or more, and ${what}.`,
  );
}
