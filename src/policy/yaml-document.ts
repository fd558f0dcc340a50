/**
 * YAML as a policy may use it: one document of maps, lists and plain values, nothing that computes. Every value keeps
 * its place in the text. What the parser says is put into our own words, because its own repeat the text.
 */
import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type YAMLError,
} from "yaml";
import type { PolicyProblem } from "./problems.ts";

export type PathKey = string | number;

export interface YamlDocument {
  /** Maps have no prototype. Undefined where the text is no YAML, or empty. */
  readonly value: unknown;
  readonly problems: readonly PolicyProblem[];
  placeOf(offset: number): { readonly line: number; readonly column: number };
  /** Where the value at `path` stands: the value itself, or the nearest that exists above it. */
  rangeOf(path: readonly PathKey[]): readonly [start: number, end: number];
  /** Where the key of the value at `path` stands. */
  keyRangeOf(path: readonly PathKey[]): readonly [start: number, end: number];
}

/** 64 KiB: a hundred times what a policy needs. */
export const largestPolicyBytes = 64 * 1024;
/** Deeper nesting makes the parser itself run out of memory. */
const deepest = 24;

export function parseYaml(text: string): YamlDocument {
  const lines = new LineCounter();
  const problems: PolicyProblem[] = [];
  const ranges = new Map<string, readonly [number, number]>();
  const keyRanges = new Map<string, readonly [number, number]>();
  const placeOf = (offset: number): { line: number; column: number } => {
    const { line, col } = lines.linePos(Math.min(offset, text.length));
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const report = (offset: number, sentence: string, cure: string, path: readonly PathKey[] = []): void => {
    problems.push({ ...placeOf(offset), path: pathText(path), sentence, cure });
  };
  const nearest = (
    known: ReadonlyMap<string, readonly [number, number]>,
    path: readonly PathKey[],
  ): readonly [number, number] => {
    for (let length = path.length; length >= 0; length -= 1) {
      const range = known.get(keyOf(path.slice(0, length)));
      if (range !== undefined) return range;
    }
    return [0, 0];
  };
  const finish = (value: unknown): YamlDocument => ({
    value,
    problems,
    placeOf,
    rangeOf: (path) => nearest(ranges, path),
    keyRangeOf: (path) => keyRanges.get(keyOf(path)) ?? nearest(ranges, path),
  });

  noteLines(text, lines);
  if (Buffer.byteLength(text) > largestPolicyBytes) {
    report(
      0,
      `is larger than ${largestPolicyBytes / 1024} KiB.`,
      "A policy is a page or two: see docs/policy.md.",
    );
    return finish(undefined);
  }
  const deep = firstTooDeep(text);
  if (deep !== undefined) {
    report(deep, `nests more than ${deepest} levels deep.`, "A policy needs four: see docs/policy.md.");
    return finish(undefined);
  }
  const document = parseDocument(text, {
    version: "1.2",
    schema: "core",
    prettyErrors: false,
    uniqueKeys: true,
    merge: false,
  });
  for (const error of document.errors) {
    const [sentence, cure] = wordsFor(error);
    const { line } = placeOf(error.pos[0]);
    // One slip makes the parser stumble several times; a line's first stumble says enough.
    if (!problems.some((problem) => problem.line === line)) report(error.pos[0], sentence, cure);
  }
  refuseDirectives(text, report);
  if (document.errors.length > 0) return finish(undefined);

  const walk = (node: unknown, path: readonly PathKey[]): unknown => {
    if (!isNode(node)) return null;
    const [start = 0, end = 0] = node.range ?? [];
    const isNothing = isScalar(node) && node.value === null && start === end;
    // `name:` with nothing behind it is reported where its name stands.
    if (!isNothing || !ranges.has(keyOf(path))) ranges.set(keyOf(path), [start, end]);
    refuseMagic(node, start, path, report);
    if (isScalar(node)) return node.value;
    if (isSeq(node)) return node.items.map((item, index) => walk(item, [...path, index]));
    if (!isMap(node)) return undefined;
    const map = Object.create(null) as Record<string, unknown>;
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? (key.source ?? String(key.value)) : undefined;
      const offset = isNode(key) ? (key.range?.[0] ?? start) : start;
      if (name === undefined || name === "__proto__") {
        report(offset, "has a key that is not a plain word.", "Write `name: value`.", path);
        continue;
      }
      if (isNode(key)) refuseMagic(key, offset, path, report);
      const place = [...path, name];
      const keyEnd = offset + name.length;
      keyRanges.set(keyOf(place), [offset, keyEnd]);
      ranges.set(keyOf(place), [offset, keyEnd]);
      map[name] = walk(value, place);
    }
    return map;
  };
  const value = document.contents === null ? undefined : walk(document.contents, []);
  return finish(value);
}

type Report = (offset: number, sentence: string, cure: string, path?: readonly PathKey[]) => void;

function refuseDirectives(text: string, report: Report): void {
  const offset = text.search(/^%/m);
  if (offset === -1) return;
  report(
    offset,
    "has a directive (a line that begins with %).",
    "Take it out: YAML 1.1 reads `no` as false and `1:30` as 90, and a policy is read as YAML 1.2.",
  );
}

function refuseMagic(node: Node, offset: number, path: readonly PathKey[], report: Report): void {
  if (isAlias(node)) {
    report(offset, "is an alias (*name).", "Write the value out: a policy has no anchors and aliases.", path);
  } else if ("anchor" in node && node.anchor) {
    report(offset, "has an anchor (&name).", "Take it out: a policy has no anchors and aliases.", path);
  }
  // The parser names a plain value's own kind by a tag too (tag:yaml.org,2002:…).
  // (The types say that a scalar has no tag unless it was given one.)
  if (!isAlias(node) && node.tag !== undefined && !node.tag.startsWith("tag:yaml.org,2002:")) {
    report(offset, "has a tag (!name).", "Take it out: a policy has plain values only.", path);
  }
}

function wordsFor({ code }: YAMLError): [sentence: string, cure: string] {
  // eslint-disable-next-line @typescript-eslint/switch-exhaustiveness-check -- the rest has no better words
  switch (code) {
    case "DUPLICATE_KEY":
      return [
        "the same key stands twice in one map.",
        "Keep one of them: YAML would silently take the last.",
      ];
    case "TAB_AS_INDENT":
      return ["a tab indents this line.", "Indent with spaces."];
    case "BAD_INDENT":
      return [
        "the indentation fits no line above, or a bracket is not closed.",
        "Align it with its neighbours.",
      ];
    case "BLOCK_AS_IMPLICIT_KEY":
    case "MULTILINE_IMPLICIT_KEY":
      return ["a second `key: value` stands here.", "Put it on a line of its own, or the value in quotes."];
    case "BAD_SCALAR_START":
      return ["a value begins with a character that YAML keeps for itself.", "Put the value in quotes."];
    case "MISSING_CHAR":
      return ["a closing quote, bracket, comma or colon is missing.", "Add it."];
    case "MULTIPLE_DOCS":
      return ["a second document begins here (---).", "A policy is one document."];
    case "BAD_DQ_ESCAPE":
      return ["a backslash in double quotes begins no escape.", "Use single quotes."];
    case "BAD_ALIAS":
    case "ALIAS_PROPS":
      return ["an alias (*name) stands here.", "Write the value out: a policy has no anchors and aliases."];
    default:
      return ["this is not YAML.", "Look at this line and the one above: a colon, an indent, a quote."];
  }
}

/** The offset where brackets, or list dashes on one line, open more levels than a policy can have. */
function firstTooDeep(text: string): number | undefined {
  let depth = 0;
  for (let offset = 0; offset < text.length; offset += 1) {
    const letter = text[offset];
    if (letter === "[" || letter === "{") depth += 1;
    else if (letter === "]" || letter === "}") depth = Math.max(0, depth - 1);
    if (depth > deepest) return offset;
  }
  const dashes = new RegExp(`^[ \\t]*(?:[-?:][ \\t]+){${deepest},}`, "m").exec(text);
  if (dashes !== null) return dashes.index;
  const indents = new Set<number>();
  for (const line of text.matchAll(/^( *)[^\s#]/gm)) {
    indents.add(line[1]?.length ?? 0);
    if (indents.size > deepest * 2) return line.index;
  }
  return undefined;
}

function noteLines(text: string, lines: LineCounter): void {
  lines.addNewLine(0);
  for (const match of text.matchAll(/\n/g)) lines.addNewLine(match.index + 1);
}

function keyOf(path: readonly PathKey[]): string {
  return JSON.stringify(path);
}

/** `recipients[0]`, `sources.database.url` */
export function pathText(path: readonly PathKey[]): string {
  return path
    .map((key, depth) => (typeof key === "number" ? `[${key}]` : depth === 0 ? key : `.${key}`))
    .join("");
}
