/**
 * Names as file systems have them: bytes, of which not all are UTF-8. Here each byte is one character (latin1), so that
 * paths are joined and cut as text. A tar has them as text too; what is no UTF-8 stands there with `%XX` for its bytes,
 * and its true bytes, in hex, in a PAX record of ours, which other programs pass over.
 */
import { isUtf8 } from "node:buffer";

export function rawOf(path: string): string {
  return Buffer.from(path).toString("latin1");
}

export function bytesOf(raw: string): Buffer {
  return Buffer.from(raw, "latin1");
}

export interface TarText {
  readonly text: string;
  /** Absent where the text says it all. */
  readonly hex?: string;
}

export function tarTextOf(raw: string): TarText {
  const bytes = bytesOf(raw);
  if (isUtf8(bytes)) return { text: bytes.toString() };
  const escaped = (byte: string): string => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`;
  return { text: raw.replace(/[%\x80-\xff]/g, escaped), hex: bytes.toString("hex") };
}

/** What `tarTextOf` was made from; undefined where the record is none of ours. */
export function rawOfTar(text: string, hex: string | undefined): string | undefined {
  if (hex === undefined) return rawOf(text);
  const raw = Buffer.from(hex, "hex").toString("latin1");
  return tarTextOf(raw).text === text ? raw : undefined;
}

/** Names of the PAX records. */
export const rawRecord = { path: "LIFEBOAT.path", linkpath: "LIFEBOAT.linkpath" } as const;
