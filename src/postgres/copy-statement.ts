/** Finds `COPY … FROM stdin;` in the SQL that pg_restore writes, and in nothing that only looks like it. */
import { LifeboatError } from "../errors.ts";
import { declaredEncoding, textIn } from "./archive-encoding.ts";

export interface CopyStatement {
  /** Empty where the statement names none; pg_dump always does. */
  readonly schema: string;
  readonly name: string;
  /** In the order of the lines' cells; empty for a table without stored columns. */
  readonly columns: readonly string[];
  /** Of the lines, as the text has declared it so far. */
  readonly encoding?: string;
}

export interface SqlScanner {
  /** Takes the next line (as latin1, without its end); a statement whose rows begin on the line after is returned. */
  line(text: string): CopyStatement | undefined;
  /** Whether the text so far ends between two statements, outside of quotes and comments. */
  atRest(): boolean;
}

/** Quotes, comments, words and ends of statements; E'…' before words, words before `$` so that a$b$c is one. */
const token =
  /[eE]'|[a-zA-Z_\x80-\xff][\w$\x80-\xff]*|'|"|--|\/\*|\$(?:[a-zA-Z_\x80-\xff][\w\x80-\xff]*)?\$|;|\S/g;
const longestStatement = 4 * 1024 * 1024;

/** Reads line by line because rows come by lines too; what a line leaves open goes on in the next. */
export function createSqlScanner(): SqlScanner {
  /** What is open: the text that closes it, `E'` for a string with backslashes, or nothing. */
  let open: string | undefined;
  let commentDepth = 0;
  let begun = false;
  /** The text of a statement that begins with COPY. */
  let copy: string | undefined;
  let encoding: string | undefined;

  const closeFrom = (text: string, from: number): number => {
    if (open === undefined) return from;
    if (open === "*/") return closeComment(text, from);
    const closed = open === "E'" ? endOfEscapeString(text, from) : text.indexOf(open, from);
    if (closed < 0) return text.length;
    const after = closed + (open === "E'" ? 1 : open.length);
    open = undefined;
    return after;
  };

  const closeComment = (text: string, from: number): number => {
    const border = /\/\*|\*\//g;
    border.lastIndex = from;
    for (let match = border.exec(text); match !== null; match = border.exec(text)) {
      commentDepth += match[0] === "/*" ? 1 : -1;
      if (commentDepth === 0) {
        open = undefined;
        return border.lastIndex;
      }
    }
    return text.length;
  };

  const line = (text: string): CopyStatement | undefined => {
    // psql's own commands (\restrict, \connect) take their whole line.
    if (!begun && open === undefined && text.startsWith("\\")) return undefined;
    if (!begun && open === undefined) encoding = declaredEncoding(text) ?? encoding;
    let statement: CopyStatement | undefined;
    let kept = 0;
    let at = closeFrom(text, 0);
    for (;;) {
      token.lastIndex = at;
      const match = token.exec(text);
      if (match === null || match[0] === "--") break;
      const [word] = match;
      at = token.lastIndex;
      if (word === ";") {
        if (copy !== undefined) statement = parseCopy(copy + text.slice(kept, at), encoding);
        copy = undefined;
        begun = false;
        continue;
      }
      if (word === "/*") {
        open = "*/";
        commentDepth = 1;
      } else {
        if (!begun && word === "COPY") {
          copy = "";
          kept = match.index;
        }
        begun = true;
        if (word === "e'" || word === "E'") open = "E'";
        else if (word === "'" || word === '"' || (word.startsWith("$") && word.length > 1)) open = word;
      }
      at = closeFrom(text, at);
    }
    if (copy !== undefined && copy.length < longestStatement) copy += `${text.slice(kept)}\n`;
    return statement;
  };

  return { line, atRest: () => open === undefined && !begun };
}

/** Index of the quote that ends an E'…' string; -1 if the line does not. A doubled quote ends one and begins another. */
function endOfEscapeString(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === "'") return at;
  }
  return -1;
}

const identifier = String.raw`(?:"(?:[^"]|"")*"|[a-z_\x80-\xff][\w$\x80-\xff]*)`;
const copyFromStdin = new RegExp(
  String.raw`^COPY\s+(?:(${identifier})\.)?(${identifier})\s*(?:\(([^]*)\)\s*)?FROM\s+stdin;$`,
  "i",
);

function parseCopy(text: string, encoding: string | undefined): CopyStatement | undefined {
  const unquote = (written: string): string => nameOf(written, encoding);
  const match = copyFromStdin.exec(text);
  if (match === null) {
    if (!/\sFROM\s+stdin\b[^'"]*;$/i.test(text)) return undefined;
    throw new LifeboatError(
      "snapshot-damaged",
      "An archive holds rows under a COPY statement of unknown form.",
    );
  }
  const [, schema = "", name = "", list = ""] = match;
  return {
    schema: unquote(schema),
    name: unquote(name),
    columns: (list.match(new RegExp(identifier, "gi")) ?? []).map(unquote),
    ...(encoding === undefined ? {} : { encoding }),
  };
}

/** The name that an identifier means; the scanner's text holds bytes as latin1. */
function nameOf(written: string, encoding: string | undefined): string {
  const name = written.startsWith('"') ? written.slice(1, -1).replaceAll('""', '"') : written;
  return textIn(encoding, Buffer.from(name, "latin1"));
}
