/** One error as the words that a person will read: pure, the same for a runner and a terminal. */
import { LifeboatError } from "../errors.ts";
import type { Disclosure } from "./environment.ts";

export interface ErrorReport {
  readonly code: string;
  readonly sentence: string;
  readonly hint: string;
  /** The causes, outermost first, and for a defect of ours the stack: for a folded group, not for an annotation. */
  readonly details: readonly string[];
}

const deepestCause = 10;
const withheld = "its words are withheld, because everybody can read the logs of a public repository";

/**
 * Words of other people's errors (a server's message, a path that cannot be opened) may hold names from inside the
 * backup, so `numbers` keeps their class and code and withholds the rest.
 */
export function reportError(error: LifeboatError, disclosure: Disclosure): ErrorReport {
  const isStranger = error.code === "unexpected" && isWordsOf(error.message, error.cause);
  const { sentence, hint } = wordsOf(error, disclosure);
  return {
    code: error.code,
    sentence: isStranger ? `Something unforeseen happened: ${describe(error.cause, disclosure)}` : sentence,
    hint,
    details: [
      ...insideOf(error, disclosure),
      ...causes(error, disclosure, deepestCause),
      ...(error.code === "unexpected" ? stackOf(error.cause instanceof Error ? error.cause : error) : []),
    ],
  };
}

function wordsOf(error: LifeboatError, disclosure: Disclosure): LifeboatError["publicly"] {
  return disclosure === "names" ? { sentence: error.message, hint: error.hint } : error.publicly;
}

/** A program's stderr, a list of names: only for those who may know the names anyway. */
function insideOf(error: Error, disclosure: Disclosure): string[] {
  if (!(error instanceof LifeboatError) || disclosure !== "names") return [];
  return error.inside === undefined || error.inside === "" ? [] : [error.inside];
}

/** Whether asLifeboatError took the sentence from the value that was thrown. */
function isWordsOf(sentence: string, thrown: unknown): boolean {
  return sentence === (thrown instanceof Error ? thrown.message : String(thrown));
}

function causes(error: Error, disclosure: Disclosure, depth: number): string[] {
  const inner: unknown[] = error instanceof AggregateError ? [...(error.errors as unknown[])] : [];
  if (error.cause !== undefined) inner.push(error.cause);
  if (depth === 0) return inner.length === 0 ? [] : ["… and deeper causes"];
  return inner.flatMap((cause) => [
    `Cause: ${describe(cause, disclosure)}`,
    ...(cause instanceof Error
      ? [...insideOf(cause, disclosure), ...causes(cause, disclosure, depth - 1)]
      : []),
  ]);
}

function describe(thrown: unknown, disclosure: Disclosure): string {
  if (!(thrown instanceof Error)) {
    return disclosure === "names" ? JSON.stringify(thrown) : `a ${typeof thrown} was thrown (${withheld})`;
  }
  if (thrown instanceof LifeboatError) return `[${thrown.code}] ${wordsOf(thrown, disclosure).sentence}`;
  const code = codeOf(thrown);
  const name = `${thrown.name}${code === undefined ? "" : ` ${code}`}`;
  return disclosure === "names" ? `${name}: ${thrown.message}` : `${name} (${withheld})`;
}

/** `ECONNRESET`, `42P01`: codes of Node and PostgreSQL name a condition, never a thing. */
function codeOf(error: Error): string | undefined {
  const { code } = error as { readonly code?: unknown };
  return typeof code === "string" && /^[\w-]{1,40}$/.test(code) ? code : undefined;
}

/** Only where in the program; the first lines of a stack repeat the message. */
function stackOf(error: Error): string[] {
  return (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
}
