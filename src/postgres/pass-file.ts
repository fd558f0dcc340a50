/** Passwords from the file that a URL's `passfile` names, read as libpq reads it. */
import { readFileSync, statSync } from "node:fs";
import { LifeboatError } from "../errors.ts";
import type { Connection, Endpoint } from "./connection.ts";

/** The first line that fits; undefined where none does. */
export function passwordFromFile(
  path: string,
  { host, port }: Endpoint,
  { database, user }: Connection,
): string | undefined {
  const wanted = [host, String(port), database, user];
  for (const line of readPrivate(path).split("\n")) {
    if (line.startsWith("#")) continue;
    const fields = [...line.matchAll(/((?:\\.|[^:\\])*)(?::|$)/g)].map(([, field = ""]) => field);
    if (fields.length < 5) continue;
    const fits = wanted.every(
      (value, index) => fields[index] === "*" || unescape(fields[index] ?? "") === value,
    );
    if (fits) return unescape(fields[4] ?? "");
  }
  return undefined;
}

function unescape(text: string): string {
  return text.replaceAll(/\\(.)/g, "$1");
}

function readPrivate(path: string): string {
  try {
    if ((statSync(path).mode & 0o077) === 0) return readFileSync(path, "utf8");
  } catch (cause) {
    throw new LifeboatError("input-invalid", `The password file "${path}" cannot be read.`, {
      cause,
      hint: "Correct passfile in the database URL, or provide the file.",
    });
  }
  throw new LifeboatError("input-invalid", `The password file "${path}" may be read by others.`, {
    hint: `Run chmod 600 ${path}; libpq ignores such a file.`,
  });
}
