/** An archive holds bytes as its database stored them; its names and statements as text, in whatever encoding. */

/** Of ISO 8859, in the order of PostgreSQL's LATIN1 to LATIN10. */
const latinParts = [1, 2, 3, 4, 9, 10, 13, 14, 15, 16];

/** Bytes without a meaning become U+FFFD. What is in no encoding (SQL_ASCII), and what we know none for, is read as UTF-8. */
export function textIn(encoding: string | undefined, bytes: Uint8Array): string {
  const label = labelOf(encoding ?? "");
  if (label === "iso-8859-1") return Buffer.from(bytes).toString("latin1");
  return label === undefined ? Buffer.from(bytes).toString("utf8") : new TextDecoder(label).decode(bytes);
}

function labelOf(encoding: string): string | undefined {
  const [, family = "", which = ""] = /^(LATIN|ISO_8859_|WIN|KOI8|EUC_)(\w+)$/.exec(encoding) ?? [];
  switch (family) {
    case "LATIN":
      return `iso-8859-${latinParts[Number(which) - 1] ?? 1}`;
    case "ISO_8859_":
      return `iso-8859-${which}`;
    case "WIN":
      return which === "866" ? "ibm866" : `windows-${which}`;
    case "KOI8":
      return `koi8-${which.toLowerCase()}`;
    case "EUC_":
      return { JP: "euc-jp", KR: "euc-kr", CN: "gbk" }[which];
    default:
      return undefined;
  }
}

/** `SET client_encoding = 'LATIN1';`, as pg_dump writes it before everything else. */
export function declaredEncoding(statement: string): string | undefined {
  return /^SET client_encoding = '(\w+)';/m.exec(statement)?.[1];
}
