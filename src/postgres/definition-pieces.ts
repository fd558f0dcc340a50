/** Definitions as text, taken apart where a deparsed expression stands in them. */

/** A table's definition column by column, because a restore may put the columns of an inheriting table in another order. */
export function alignedPieces(found: string, expected: string): readonly (readonly [string, string])[] {
  const [here, there] = [tablePieces(found), tablePieces(expected)];
  if (here === undefined || there === undefined || here.columns.size !== there.columns.size) {
    return [[found, expected]];
  }
  return [
    [here.head, there.head],
    ...[...here.columns].map(([name, column]) => [column, there.columns.get(name) ?? ""] as const),
  ];
}

interface TablePieces {
  readonly head: string;
  readonly columns: ReadonlyMap<string, string>;
}

/** Undefined for everything but a table that inherits. */
function tablePieces(definition: string): TablePieces | undefined {
  const match = /^(\w .*? inherits .+? columns) (.*)$/s.exec(definition);
  if (match === null) return undefined;
  const columns = separated(match[2] ?? "");
  return {
    head: match[1] ?? "",
    columns: new Map(
      columns.map((column) => [/^(?:"(?:[^"]|"")*"|\S+)/.exec(column)?.[0] ?? column, column]),
    ),
  };
}

/** `a integer, b numeric(3,1)` → its columns; a comma within parentheses or quotes separates nothing. */
function separated(list: string): readonly string[] {
  const items: string[] = [];
  let rest = list;
  for (let at = rest.indexOf(", "); at >= 0; at = rest.indexOf(", ", at + 1)) {
    if (!isBalanced(rest.slice(0, at))) continue;
    items.push(rest.slice(0, at));
    rest = rest.slice(at + 2);
    at = -1;
  }
  return [...items, rest];
}

/** Those of a definition's `texts` that a piece of it holds: all of them, or a column's own one, the longest. */
export function textsWithin(piece: string, texts: readonly string[]): readonly string[] {
  const within = texts.filter((text) => piece.includes(text));
  return within.length === texts.length ? texts : within.toSorted((a, b) => b.length - a.length).slice(0, 1);
}

/**
 * What stands in `other` where `texts` stand in `definition`; undefined where the two differ elsewhere too. Both
 * are definitions of one object.
 */
export function counterparts(
  definition: string,
  texts: readonly string[],
  other: string,
): readonly string[] | undefined {
  const between: string[] = [];
  let from = 0;
  for (const text of texts) {
    const at = definition.indexOf(text, from);
    if (at < 0) return undefined;
    between.push(definition.slice(from, at));
    from = at + text.length;
  }
  const [start, ...rest] = [...between, definition.slice(from)];
  return other.startsWith(start) ? filled(rest, other, start.length) : undefined;
}

/** Texts in `other` from `at` on, each followed by the next of `literals`, the last of which ends it. */
function filled(literals: readonly string[], other: string, at: number): readonly string[] | undefined {
  const [literal, ...rest] = literals;
  if (literal === undefined) return at === other.length ? [] : undefined;
  if (rest.length === 0) {
    const text = other.slice(at, other.length - literal.length);
    return other.endsWith(literal) && text !== "" ? [text] : undefined;
  }
  for (let end = other.indexOf(literal, at + 1); end >= 0; end = other.indexOf(literal, end + 1)) {
    const text = other.slice(at, end);
    const further = isBalanced(text) ? filled(rest, other, end + literal.length) : undefined;
    if (further !== undefined) return [text, ...further];
  }
  return undefined;
}

/** A comma or a keyword within parentheses or quotes does not end an expression. */
function isBalanced(text: string): boolean {
  const bare = text.replaceAll(/'[^']*'|"[^"]*"/g, "");
  if (/['"]/.test(bare)) return false;
  let depth = 0;
  for (const [bracket] of bare.matchAll(/[()[\]]/g)) {
    depth += bracket === "(" || bracket === "[" ? 1 : -1;
    if (depth < 0) return false;
  }
  return depth === 0;
}
