/** What PostgreSQL's own programs could not do, from their words: a cause with its cure where one is known. */
import type { ErrorCode } from "../error-catalogue.ts";
import { LifeboatError } from "../errors.ts";
import { connectRefusal } from "../supabase/connect-refusals.ts";
import { type ToolExit, toolFailed } from "../system/process.ts";

interface Known {
  readonly said: RegExp;
  readonly code: ErrorCode;
  readonly sentence: string;
}

export const tooManyConnections =
  /too many connections for|too many clients|remaining connection slots|query_wait_timeout|no more connections allowed|max ?clients? ?(?:connections reached|in ?session ?mode)/i;

const known: readonly Known[] = [
  {
    said: tooManyConnections,
    code: "too-many-connections",
    sentence: "found no free connection",
  },
  {
    said: /unsupported startup parameter(?: in options)?: /,
    code: "startup-options-refused",
    sentence: "was refused by a pooler that takes no startup parameter `options`",
  },
  {
    said: /invalid memory alloc request size|cannot enlarge string buffer|array size exceeds the maximum/i,
    code: "value-too-large",
    sentence: "met a row that PostgreSQL itself cannot write as text",
  },
  {
    said: /permission denied for /,
    code: "privilege-missing",
    sentence: "was refused a right",
  },
  {
    said: /server closed the connection unexpectedly|terminating connection due to|could not (?:receive data from|send data to) server|connection to server was lost/,
    code: "connection-lost",
    sentence: "lost its connection to the server",
  },
];

/** The error of a program that ended badly; its own words travel inside. */
export function programFailed(
  name: string,
  exit: ToolExit,
  otherwise: "dump-failed" | "tool-failed",
): LifeboatError {
  const failed = toolFailed(name, exit, otherwise);
  // Restoring meets refused rights of all sorts, which whoever restores must judge by themselves.
  const found = known.find(
    ({ said, code }) =>
      said.test(exit.stderr) && !(otherwise === "tool-failed" && code === "privilege-missing"),
  );
  const inside = { inside: exit.stderr };
  if (found === undefined) {
    const refusal = connectRefusal(exit.stderr);
    return refusal === undefined
      ? failed
      : new LifeboatError(otherwise, failed.message, { hint: refusal.hint, ...inside });
  }
  if (found.code === "privilege-missing") return rightRefused(name, exit.stderr, inside);
  const table = /contents of table "?(.+?)"? failed/.exec(exit.stderr)?.[1];
  const sentence = `${name} ${found.sentence}`;
  return new LifeboatError(found.code, `${sentence}${table === undefined ? "" : ` (table ${table})`}.`, {
    ...inside,
    publicSentence: `${sentence}.`,
  });
}

const grants: Readonly<Record<string, string>> = {
  table: "SELECT ON TABLE",
  view: "SELECT ON TABLE",
  sequence: "SELECT ON SEQUENCE",
  "large object": "SELECT ON LARGE OBJECT",
  schema: "USAGE ON SCHEMA",
  function: "EXECUTE ON FUNCTION",
  "foreign server": "USAGE ON FOREIGN SERVER",
};

function rightRefused(
  name: string,
  said: string,
  details: { readonly inside?: string; readonly cause?: unknown },
): LifeboatError {
  const [, kind = "", object = ""] =
    /permission denied for (table|view|sequence|large object|schema|function|foreign server) (\S+)/.exec(
      said,
    ) ?? [];
  const grant = grants[kind];
  const sentence = `${name} was refused a right`;
  return new LifeboatError(
    "privilege-missing",
    `${sentence}${object === "" ? "" : `: permission denied for ${kind} ${object}`}.`,
    {
      ...details,
      publicSentence: `${sentence}.`,
      ...(grant === undefined
        ? {}
        : { hint: `As an administrator run: GRANT ${grant} ${object} TO <the backup role>;` }),
    },
  );
}

/** A backup's own statement that was refused for want of a right, as pg_dump's would be; anything else as it is. */
export function namingRefusedRight(thrown: unknown): unknown {
  const { code, message, severity } = thrown as { code?: string; message?: string; severity?: string };
  if (code !== "42501" || severity === undefined) return thrown;
  return rightRefused("The backup", message ?? "", { cause: thrown });
}
