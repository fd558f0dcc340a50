/** Flags of a command line as the source of the same readers that actions use; no secret may stand in argv. */
import { readFileSync } from "node:fs";
import { LifeboatError } from "../errors.ts";
import type { InputSource } from "../runner/input-reader.ts";
import { holdsPassword } from "../runner/secrets.ts";
import { environmentVariable } from "./environment.ts";

/** As commander's `opts()` gives them: names in camelCase, repeated flags as arrays. */
export type FlagValues = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

const largestSecretBytes = 64 * 1024;

export function flagSource(
  flags: FlagValues,
  variable: (name: string) => string | undefined = environmentVariable,
): InputSource {
  const get = (name: string): string | undefined => {
    const value = flags[camelCase(name)] ?? flags[name];
    if (value === undefined || typeof value === "string") return value;
    return typeof value === "boolean" ? String(value) : value.join("\n");
  };
  return {
    get,
    secret(name) {
      const text = get(name);
      return text === undefined ? undefined : resolveSecret(name, text, variable);
    },
    describe: (name) => `--${name}`,
    howToSet: (name, kind) =>
      kind === "plain" ? `Add --${name} VALUE.` : `Add --${name} env:NAME or --${name} file:PATH.`,
  };
}

function resolveSecret(flag: string, text: string, variable: (name: string) => string | undefined): string {
  const [, kind, place = ""] = /^(env|file):(.+)$/s.exec(text) ?? [];
  if (kind === undefined) throw secretInArgv(`--${flag}`);
  if (kind === "file") return readSecretFile(flag, place);
  const value = variable(place);
  if (value !== undefined) return value;
  throw new LifeboatError(
    "input-invalid",
    `--${flag} names the environment variable ${place}, which is not set.`,
    {
      hint: `Set and export ${place}, or give file:PATH.`,
    },
  );
}

function readSecretFile(flag: string, path: string): string {
  try {
    const bytes = readFileSync(path);
    const text = bytes.toString("utf8").trim();
    if (text !== "" && bytes.length <= largestSecretBytes) return text;
  } catch (cause) {
    throw new LifeboatError("input-invalid", `--${flag} names the file ${path}, which cannot be read.`, {
      hint: "See that it exists and that you may read it.",
      cause,
    });
  }
  throw new LifeboatError("input-invalid", `--${flag} names the file ${path}, which is empty or too large.`, {
    hint: `A secret has 1 to ${largestSecretBytes} bytes.`,
  });
}

/** Call this with the whole command line before it is parsed: argv is readable by every process of the machine. */
export function refuseSecretsInArgv(argv: readonly string[]): void {
  for (const [index, argument] of argv.entries()) {
    const [, ownFlag, ownValue] = /^(--[a-z-]+)=(.*)$/s.exec(argument) ?? [];
    const value = ownValue ?? argument;
    if (/^(?:env|file):/.test(value)) continue;
    const isKey = /AGE-SECRET-KEY-|AGE-PLUGIN-|-----BEGIN [A-Z ]*PRIVATE KEY/i.test(value);
    if (!isKey && !holdsPassword(value)) continue;
    const before = argv[index - 1];
    throw secretInArgv(ownFlag ?? (before?.startsWith("--") ? before : undefined));
  }
}

/** The value itself is never repeated. */
function secretInArgv(flag: string | undefined): LifeboatError {
  const where = flag === undefined ? "An argument" : `The value of ${flag}`;
  const name = flag ?? "--flag";
  return new LifeboatError("secret-in-argv", `${where} is a secret or holds one.`, {
    hint: `Use ${name} env:NAME or ${name} file:PATH, and change the secret: it may stand in your shell's history.`,
  });
}

function camelCase(name: string): string {
  return name.replaceAll(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
