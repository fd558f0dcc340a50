/** A word that stands nowhere else in the world, in every form in which it could leak. */
import { randomBytes } from "node:crypto";

export interface Needle {
  /** What it is: "a row", "the password", … */
  readonly what: string;
  readonly encoding: string;
  /** Bytes as latin1, so that text and binary are searched alike. */
  readonly text: string;
}

/** Letters and digits only: what quotes, escapes and URLs leave alone stays findable in them. */
export function newMarker(): string {
  return `mk${randomBytes(9).toString("hex")}zq`;
}

export function needlesFor(what: string, marker: string): readonly Needle[] {
  const each = (form: (code: number) => string): string => Array.from(Buffer.from(marker), form).join("");
  const hex = (code: number): string => code.toString(16).padStart(2, "0");
  const wide = Buffer.from(marker, "utf16le");
  const forms: Readonly<Record<string, string>> = {
    plain: marker,
    "upper case": marker.toUpperCase(),
    hex: Buffer.from(marker).toString("hex"),
    "upper-case hex": Buffer.from(marker).toString("hex").toUpperCase(),
    "percent-encoded": each((code) => `%${hex(code)}`),
    "JSON escapes": each((code) => `\\u00${hex(code)}`),
    "byte escapes": each((code) => `\\x${hex(code)}`),
    "octal escapes": each((code) => `\\${code.toString(8).padStart(3, "0")}`),
    "HTML entities": each((code) => `&#${code};`),
    "UTF-16LE": wide.toString("latin1"),
    "UTF-16BE": Buffer.from(wide).swap16().toString("latin1"),
    ...aligned("base64", Buffer.from(marker)),
    ...aligned("base64 of UTF-16LE", wide),
    ...aligned("base64 of base64", Buffer.from(Buffer.from(marker).toString("base64"))),
  };
  return Object.entries(forms).map(([encoding, text]) => ({ what, encoding, text }));
}

/** Base64 looks different at each of the three places where the word may begin within three bytes. */
function aligned(name: string, bytes: Buffer): Record<string, string> {
  return Object.fromEntries(
    [0, 1, 2].map((shift) => {
      const encoded = Buffer.concat([Buffer.alloc(shift), bytes]).toString("base64");
      const inner = encoded.slice(Math.ceil((shift * 8) / 6), Math.floor(((shift + bytes.length) * 8) / 6));
      return [`${name}, shifted by ${shift}`, inner];
    }),
  );
}

/** The needles that stand in `bytes`. */
export function findIn(bytes: Buffer | string, needles: readonly Needle[]): readonly Needle[] {
  const text = typeof bytes === "string" ? Buffer.from(bytes).toString("latin1") : bytes.toString("latin1");
  return needles.filter((needle) => text.includes(needle.text));
}
