/**
 * Inputs of an action, or flags of a command, read once into one readonly object before anything else happens.
 * All problems are reported together, as one `input-invalid` that says for each what stands there, what is allowed
 * and what to do. Absent is undefined, never an empty string.
 */
import { LifeboatError } from "../errors.ts";
import { durationRule, formatDuration, parseDuration } from "../duration.ts";
import { nearestWord } from "../near-miss.ts";
import { mayHoldSecret, type Secrets } from "./secrets.ts";

/** Where values come from: the runner's environment, or the flags of a command line. */
export interface InputSource {
  /** Undefined where nothing was given. */
  get(name: string): string | undefined;
  /** The value of a secret-bearing input; flags resolve `env:NAME` and `file:PATH` here. */
  secret(name: string): string | undefined;
  /** "input `level`", "--level" */
  describe(name: string): string;
  /** The sentence that tells how to give a missing value. */
  howToSet(name: string, kind: "plain" | "secret"): string;
}

export interface Range {
  readonly min: number;
  readonly max: number;
}

/**
 * Each reader needs a value unless a fallback is given; `optional` has the same readers for values that may be
 * absent. After a problem a reader returns undefined in spite of its type: the object under construction is then
 * thrown away, and whatever its construction throws is set aside for the problems already known.
 */
export interface InputReader {
  string(name: string, fallback?: string): string;
  /** Masked before it is parsed. `parse` throws a LifeboatError whose sentence does not repeat the value. */
  secret(name: string): string;
  secret<T>(name: string, parse: (text: string) => T): T;
  boolean(name: string, fallback?: boolean): boolean;
  integer(name: string, range: Range, fallback?: number): number;
  /** Milliseconds; the range too. */
  duration(name: string, range: Range, fallback?: number): number;
  /** One item a line, or, on a single line, separated by commas. */
  list(name: string): readonly string[];
  enum<const W extends string>(name: string, allowed: readonly W[], fallback?: NoInfer<W>): W;
  /** `parse` throws a LifeboatError: its sentence and hint become this input's problem. */
  parsed<T>(name: string, parse: (text: string) => T, fallback?: T): T;
  readonly optional: OptionalReader;
  /**
   * A secret that stands in no input, but where something else says; undefined after a problem, in which `what` names
   * it. Masked before it is parsed, and `parse` is as for `secret`.
   */
  masked<T>(what: string, text: string, parse: (text: string) => T): T | undefined;
  /** A problem that only several inputs together show; `cure` says what to change. */
  problem(name: string, sentence: string, cure: string): void;
}

export interface OptionalReader {
  string(name: string): string | undefined;
  secret(name: string): string | undefined;
  secret<T>(name: string, parse: (text: string) => T): T | undefined;
  boolean(name: string): boolean | undefined;
  integer(name: string, range: Range): number | undefined;
  duration(name: string, range: Range): number | undefined;
  list(name: string): readonly string[] | undefined;
  enum<const W extends string>(name: string, allowed: readonly W[]): W | undefined;
  parsed<T>(name: string, parse: (text: string) => T): T | undefined;
}

/** The object that `shape` builds, or one error with every problem of every input. */
export function readInputs<T>(source: InputSource, secrets: Secrets, shape: (read: InputReader) => T): T {
  const problems: string[] = [];
  let inputs: T | undefined;
  try {
    inputs = shape(createReader(source, secrets, problems));
  } catch (error) {
    // After a problem `shape` may trip over the missing value; the problem is then the reason worth telling.
    if (problems.length === 0) throw error;
  }
  if (problems.length > 0) throw invalid(problems);
  return inputs as T;
}

function invalid(problems: readonly string[]): LifeboatError {
  const [only = ""] = problems;
  const text =
    problems.length === 1
      ? `${only.slice(0, 1).toUpperCase()}${only.slice(1)}`
      : `${problems.length} inputs are not valid:\n${problems.map((problem) => `- ${problem}`).join("\n")}`;
  return new LifeboatError("input-invalid", text, {
    hint: "Correct it and run again: nothing was started.",
  });
}

function createReader(source: InputSource, secrets: Secrets, problems: string[]): InputReader {
  const optionally = <T>(name: string, parse: (text: string) => T): T | undefined => {
    const text = present(() => source.get(name));
    if (text === undefined) return undefined;
    if (!mayHoldSecret(text)) return attempt(`${source.describe(name)} is ${quote(text)}`, () => parse(text));
    secrets.add(text);
    return attempt(`${source.describe(name)} has a value that may hold a secret`, () => parse(text));
  };
  const optionalSecret = <T>(name: string, parse: (text: string) => T): T | undefined => {
    const text = present(() => source.secret(name));
    if (text === undefined) return undefined;
    secrets.add(text);
    return attempt(`${source.describe(name)} has a value that does not fit`, () => parse(text));
  };
  const attempt = <T>(what: string, parse: () => T): T | undefined => {
    try {
      return parse();
    } catch (error) {
      if (!(error instanceof LifeboatError)) throw error;
      problems.push(`${what}: ${error.message} ${error.hint}`.trim());
      return undefined;
    }
  };
  /** A flag's `env:NAME` or `file:PATH` may lead nowhere: one more problem for the list. */
  const present = (get: () => string | undefined): string | undefined => {
    try {
      const text = get()?.trim();
      return text === "" ? undefined : text;
    } catch (error) {
      if (!(error instanceof LifeboatError) || error.code !== "input-invalid") throw error;
      problems.push(`${error.message} ${error.hint}`);
      return undefined;
    }
  };
  const needed = <T>(
    name: string,
    kind: "plain" | "secret",
    read: () => T | undefined,
    fallback: T | undefined,
  ): T => {
    const before = problems.length;
    const value = read() ?? fallback;
    if (value === undefined && problems.length === before) {
      problems.push(`${source.describe(name)} is missing. ${source.howToSet(name, kind)}`);
    }
    return value as T;
  };
  const plain = <T>(name: string, parse: (text: string) => T, fallback: T | undefined): T =>
    needed(name, "plain", () => optionally(name, parse), fallback);

  return {
    string: (name, fallback) => plain(name, asIs, fallback),
    secret: <T>(name: string, parse?: (text: string) => T) =>
      needed<unknown>(name, "secret", () => optionalSecret<unknown>(name, parse ?? asIs), undefined) as T,
    boolean: (name, fallback) => plain(name, parseBoolean, fallback),
    integer: (name, range, fallback) => plain(name, integerIn(range), fallback),
    duration: (name, range, fallback) => plain(name, durationIn(range), fallback),
    list: (name) => plain(name, parseList, undefined),
    enum: (name, allowed, fallback) => plain(name, oneOf(allowed), fallback),
    parsed: (name, parse, fallback) => plain(name, parse, fallback),
    optional: {
      string: (name) => optionally(name, asIs),
      secret: <T>(name: string, parse?: (text: string) => T) =>
        optionalSecret<unknown>(name, parse ?? asIs) as T | undefined,
      boolean: (name) => optionally(name, parseBoolean),
      integer: (name, range) => optionally(name, integerIn(range)),
      duration: (name, range) => optionally(name, durationIn(range)),
      list: (name) => optionally(name, parseList),
      enum: (name, allowed) => optionally(name, oneOf(allowed)),
      parsed: (name, parse) => optionally(name, parse),
    },
    masked: (what, text, parse) => {
      secrets.add(text);
      return attempt(`${what} has a value that does not fit`, () => parse(text));
    },
    problem: (name, sentence, cure) => problems.push(`${source.describe(name)}: ${sentence} ${cure}`),
  };
}

const asIs = (text: string): string => text;

/** Exactly the spellings that GitHub's own toolkit takes for YAML booleans. */
function parseBoolean(text: string): boolean {
  if (/^(?:true|True|TRUE)$/.test(text)) return true;
  if (/^(?:false|False|FALSE)$/.test(text)) return false;
  throw not("not true or false.");
}

function integerIn({ min, max }: Range): (text: string) => number {
  return (text) => {
    const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw not(`not a whole number from ${min} to ${max}.`);
  };
}

function durationIn({ min, max }: Range): (text: string) => number {
  return (text) => {
    const value = parseDuration(text);
    if (value === undefined) throw not(`not ${durationRule}.`);
    if (value >= min && value <= max) return value;
    throw not(`not from ${formatDuration(min)} to ${formatDuration(max)}.`);
  };
}

function parseList(text: string): readonly string[] {
  const items = text.split(text.includes("\n") ? "\n" : ",").map((item) => item.trim());
  const given = items.filter((item) => item !== "");
  if (given.length === 0) throw not("a list without an item.");
  return given;
}

function oneOf<W extends string>(allowed: readonly W[]): (text: string) => W {
  return (text) => {
    const found = allowed.find((word) => word === text);
    if (found !== undefined) return found;
    const near = nearestWord(text, allowed);
    throw not(`not one of ${allowed.join(", ")}.`, near === undefined ? "" : `Did you mean "${near}"?`);
  };
}

function not(sentence: string, hint = ""): LifeboatError {
  return new LifeboatError("input-invalid", sentence, { hint });
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
