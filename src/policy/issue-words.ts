/** What zod found, as sentences with cures in the words of the file. */
import type { z } from "zod";
import { nearestWord } from "../near-miss.ts";
import { cureMark } from "./schema-values.ts";
import type { PathKey } from "./yaml-document.ts";

export interface Fault {
  readonly path: readonly PathKey[];
  readonly sentence: string;
  readonly cure: string;
  /** Whether the key is meant and not its value. */
  readonly atKey?: true;
}

type Issue = z.core.$ZodIssue;

/** `value` is what `schema` was given; `path` is where it stands in the file. */
export function faultsOf(
  schema: z.core.$ZodType,
  value: unknown,
  issues: readonly Issue[],
  path: readonly PathKey[],
): readonly Fault[] {
  return issues.flatMap((issue) => faultOf(schema, value, issue, path));
}

function faultOf(
  schema: z.core.$ZodType,
  root: unknown,
  issue: Issue,
  base: readonly PathKey[],
): readonly Fault[] {
  const inner = issue.path.filter((key): key is PathKey => typeof key !== "symbol");
  const path = [...base, ...inner];
  const value = valueAt(root, inner);
  if (value === undefined && issue.code !== "unrecognized_keys") return [missing(path)];
  if (value === null) {
    return [{ path, sentence: "has no value.", cure: "Write one, or take the line out.", atKey: true }];
  }
  const [sentence = "", cure] = issue.message.split(cureMark);
  if (cure !== undefined) return [{ path, sentence, cure }];
  // eslint-disable-next-line @typescript-eslint/switch-exhaustiveness-check -- the schema raises no other codes
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKey([...path, key], keysAt(schema, inner)));
    case "invalid_union":
      return unionFaults(schema, root, issue, base);
    case "invalid_type":
      return [{ path, ...wrongKind(value, issue.expected) }];
    case "invalid_value":
      return [{ path, ...notOneOf(value, issue.values.map(String)) }];
    case "too_small":
      return [{ path, sentence: `is ${amount(value)}, less than ${issue.minimum}.`, cure: "Write more." }];
    case "too_big":
      return [{ path, sentence: `is ${amount(value)}, more than ${issue.maximum}.`, cure: "Write less." }];
    default:
      return [{ path, sentence: "cannot be used.", cure: "See docs/policy.md." }];
  }
}

export function missing(path: readonly PathKey[]): Fault {
  return { path, sentence: "is missing.", cure: "Add it: docs/policy.md says what it may be.", atKey: true };
}

export function unknownKey(path: readonly PathKey[], allowed: readonly string[]): Fault {
  const near = nearestWord(String(path.at(-1)), allowed);
  return {
    path,
    sentence: "is not a key that stands here.",
    cure: near === undefined ? `Allowed are ${allowed.join(", ")}.` : `Did you mean ${near}?`,
    atKey: true,
  };
}

export function notOneOf(value: unknown, allowed: readonly string[]): Pick<Fault, "sentence" | "cure"> {
  const near = typeof value === "string" ? nearestWord(value, allowed) : undefined;
  return {
    sentence: `is ${shown(value)}, not one of ${allowed.join(", ")}.`,
    cure: near === undefined ? "Choose one of them." : `Did you mean ${near}?`,
  };
}

/** Of the shapes that a value may have, the one that it comes nearest to has the useful words. */
function unionFaults(
  schema: z.core.$ZodType,
  root: unknown,
  issue: Issue & { code: "invalid_union" },
  base: readonly PathKey[],
): readonly Fault[] {
  const inner = issue.path.filter((key): key is PathKey => typeof key !== "symbol");
  const value = valueAt(root, inner);
  const branches: readonly (readonly Issue[])[] = issue.errors;
  const rightKind = branches.filter(
    (branch) => !branch.some(({ code, path }) => code === "invalid_type" && path.length === 0),
  );
  const nested = rightKind.filter((branch) => branch.some(({ path }) => path.length > 0));
  const unknownKeys = rightKind.filter((branch) => branch.some(({ code }) => code === "unrecognized_keys"));
  const text = rightKind.filter(() => typeof value === "string" || typeof value === "number");
  // A secret's own refusal speaks for every kind of value.
  const chosen =
    nested[0] ??
    unknownKeys.at(-1) ??
    text[0] ??
    branches.find((branch) => branch.some(hasCure)) ??
    branches[0] ??
    [];
  return chosen.flatMap((inside) =>
    faultOf(schema, root, { ...inside, path: [...issue.path, ...inside.path] }, base),
  );
}

function hasCure({ message }: Issue): boolean {
  return message.includes(cureMark);
}

function wrongKind(value: unknown, expected: string): Pick<Fault, "sentence" | "cure"> {
  const kind = kindOf(value);
  switch (expected) {
    case "boolean":
      return { sentence: `is ${shown(value)}, not true or false.`, cure: booleanCure(value) };
    case "string":
      return {
        sentence: `is ${kind}, not a text.`,
        cure: kind === "a number" || kind === "true or false" ? "Put it in quotes." : "Write one text.",
      };
    case "number":
    case "int":
      return {
        sentence: `is ${kind}, not a whole number.`,
        cure:
          typeof value === "string" && /^\d+$/.test(value)
            ? "Take the quotes away."
            : "Write a whole number.",
      };
    case "array":
      return {
        sentence: `is ${kind}, not a list.`,
        cure: "Write [one, two], or one item a line after a hyphen.",
      };
    default:
      return {
        sentence: `is ${kind}, not a map.`,
        cure: "Write { key: value }, or one key a line, indented.",
      };
  }
}

/** YAML 1.1 read these words as true and false; YAML 1.2 reads them as texts. */
function booleanCure(value: unknown): string {
  if (typeof value !== "string") return "Write true or false.";
  if (/^(?:yes|y|on|true)$/i.test(value)) return "Write true.";
  return /^(?:no|n|off|false)$/i.test(value) ? "Write false." : "Write true or false.";
}

export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return "empty";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map";
  if (typeof value === "boolean") return "true or false";
  return typeof value === "number" ? "a number" : "a text";
}

function amount(value: unknown): string {
  if (typeof value === "number") return String(value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === "string" ? `${value.length} letters` : kindOf(value);
}

/** Only short, ordinary words are repeated: what stands in the wrong place may be a secret. */
function shown(value: unknown): string {
  if (typeof value === "string") return /^[\w.:/ -]{0,24}$/.test(value) ? `"${value}"` : "something else";
  return typeof value === "number" || typeof value === "boolean" ? String(value) : kindOf(value);
}

function valueAt(root: unknown, path: readonly PathKey[]): unknown {
  let value = root;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<PathKey, unknown>)[key];
  }
  return value;
}

/** The keys that a map at `path` may have. */
function keysAt(schema: z.core.$ZodType, path: readonly PathKey[]): readonly string[] {
  return [...new Set(objectsAt(schema, path).flatMap((shape) => Object.keys(shape)))];
}

function objectsAt(
  schema: z.core.$ZodType,
  path: readonly PathKey[],
): readonly Readonly<Record<string, z.core.$ZodType>>[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  // eslint-disable-next-line @typescript-eslint/switch-exhaustiveness-check -- only these can hold a map
  switch (def.type) {
    case "optional":
      return objectsAt(def.innerType, path);
    case "union":
      return def.options.flatMap((option) => objectsAt(option, path));
    case "array":
      return typeof path[0] === "number" ? objectsAt(def.element, path.slice(1)) : [];
    case "object": {
      const [key, ...rest] = path;
      if (key === undefined) return [def.shape];
      const next = def.shape[String(key)];
      return next === undefined ? [] : objectsAt(next, rest);
    }
    default:
      return [];
  }
}
