/** Which objects a person chose: buckets, and globs on `<bucket>/<key>`. */
import { LifeboatError } from "../errors.ts";
import type { InventoryObject } from "./objects.ts";

export interface ObjectChoice {
  /** Only these; all where none is named. */
  readonly buckets?: readonly string[];
  /** Only what one of them matches; all where there are none. */
  readonly include?: readonly string[];
  /** Nothing that one of them matches. */
  readonly exclude?: readonly string[];
}

export interface ObjectFilter {
  readonly choice: ObjectChoice;
  wantsBucket(bucket: string): boolean;
  wants(object: Pick<InventoryObject, "bucket" | "name">): boolean;
}

/**
 * In a glob `*` is any run of characters but `/`, `?` one character but `/`, `**` any run with `/` too, and a leading or
 * enclosed `**` + `/` also stands for nothing (`a/**` + `/b` matches `a/b`). Upper and lower case differ. Before `*`, `?`
 * and itself `\` takes the meaning away; all other characters are themselves.
 * Throws `input-invalid` with every glob that cannot match any object.
 */
export function objectFilter(choice: ObjectChoice): ObjectFilter {
  const { buckets = [], include = [], exclude = [] } = choice;
  const problems = [
    ...include.flatMap((glob) => problemOf(glob, "include")),
    ...exclude.flatMap((glob) => problemOf(glob, "exclude")),
    ...(buckets.includes("") ? ["a bucket's name is empty"] : []),
  ];
  if (problems.length > 0) {
    throw new LifeboatError("input-invalid", `The choice of objects is not clear: ${problems.join("; ")}.`, {
      hint: "Write globs of bucket and key, for example `avatars/**` or `*/thumbnails/*.webp`.",
    });
  }
  const chosen = new Set(buckets);
  const [wanted, unwanted] = [include.map(globMatcher), exclude.map(globMatcher)];
  const wantsBucket = (bucket: string): boolean => chosen.size === 0 || chosen.has(bucket);
  return {
    choice,
    wantsBucket,
    wants: ({ bucket, name }) => {
      if (!wantsBucket(bucket)) return false;
      const path = `${bucket}/${name}`;
      return (
        (wanted.length === 0 || wanted.some((matches) => matches(path))) &&
        !unwanted.some((matches) => matches(path))
      );
    },
  };
}

function problemOf(glob: string, kind: string): readonly string[] {
  if (glob === "") return [`an ${kind} glob is empty`];
  const named = `the ${kind} glob ${JSON.stringify(glob)}`;
  if (glob.startsWith("/")) return [`${named} begins with a slash, and no bucket's name is empty`];
  const hasSlash = /\/|\*\*/.test(glob.replaceAll(/\\[*?\\]/g, "_"));
  return hasSlash ? [] : [`${named} has no slash, and so matches no object: write ${glob}/** for a bucket`];
}

type Token =
  | { readonly kind: "text"; readonly character: string }
  | { readonly kind: "one" | "run" | "any" }
  /** Nothing, or anything that ends with `/`. */
  | { readonly kind: "folders" };

/** A predicate for whole texts, in time of glob length times text length whatever both are. */
export function globMatcher(glob: string): (text: string) => boolean {
  const tokens = tokensOf(glob);
  const literal = literalStart(tokens);
  return (text) => text.startsWith(literal) && matches(tokens, Array.from(text));
}

function tokensOf(glob: string): readonly Token[] {
  const tokens: Token[] = [];
  const parts = glob.match(/\\[*?\\]|\*{2,}\/?|\*|\?|[^]/gu) ?? [];
  let isSegmentStart = true;
  for (const part of parts) {
    if (part.startsWith("**")) {
      const endsWithSlash = part.endsWith("/");
      if (endsWithSlash && isSegmentStart) tokens.push({ kind: "folders" });
      else tokens.push({ kind: "any" }, ...(endsWithSlash ? [text("/")] : []));
    } else if (part === "*") tokens.push({ kind: "run" });
    else if (part === "?") tokens.push({ kind: "one" });
    else tokens.push(text(part.length > 1 && part.startsWith("\\") ? part.slice(1) : part));
    isSegmentStart = part.endsWith("/");
  }
  return tokens;
}

function text(character: string): Token {
  return { kind: "text", character };
}

function literalStart(tokens: readonly Token[]): string {
  let start = "";
  for (const token of tokens) {
    if (token.kind !== "text") break;
    start += token.character;
  }
  return start;
}

/** All ways at once: `states` are the tokens that may come next. */
function matches(tokens: readonly Token[], characters: readonly string[]): boolean {
  let states = reach(tokens, new Set([0]), true);
  for (const character of characters) {
    const next = new Set<number>();
    for (const state of states) {
      const token = tokens[state];
      if (token === undefined) continue;
      if (token.kind === "text") {
        if (token.character === character) next.add(state + 1);
      } else if (token.kind === "one") {
        if (character !== "/") next.add(state + 1);
      } else if (token.kind === "run") {
        if (character !== "/") next.add(state);
      } else next.add(state);
    }
    if (next.size === 0) return false;
    states = reach(tokens, next, character === "/");
  }
  return states.has(tokens.length);
}

/** With the tokens that may come next because one before them may stand for nothing, or has had its fill. */
function reach(tokens: readonly Token[], states: ReadonlySet<number>, isSegmentStart: boolean): Set<number> {
  const reached = new Set<number>();
  for (let state of states) {
    for (; !reached.has(state); state += 1) {
      reached.add(state);
      const kind = tokens[state]?.kind;
      if (kind !== "run" && kind !== "any" && !(kind === "folders" && isSegmentStart)) break;
    }
  }
  return reached;
}
