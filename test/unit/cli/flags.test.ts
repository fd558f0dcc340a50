import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FlagValues, flagSource, refuseSecretsInArgv } from "../../../src/cli/flags.ts";
import { LifeboatError } from "../../../src/errors.ts";
import { type InputReader, readInputs } from "../../../src/runner/input-reader.ts";
import { createSecrets } from "../../../src/runner/secrets.ts";

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "flags-"))));
afterAll(() => rmSync(folder, { recursive: true }));

function read<T>(flags: FlagValues, shape: (read: InputReader) => T): T {
  const variables: Readonly<Record<string, string>> = {
    DATABASE_URL: "postgres://lena:correct-horse@db/shop",
  };
  return readInputs(
    flagSource(flags, (name) => variables[name]),
    createSecrets(),
    shape,
  );
}

function failureOf(act: () => unknown): LifeboatError {
  try {
    act();
  } catch (error) {
    if (error instanceof LifeboatError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

test("feeds the same readers as an action's inputs", () => {
  const flags = { dryRun: true, jobs: "4", recipient: ["age1a", "age1b"], "as-of": "now" };
  expect(
    read(flags, (input) => ({
      dryRun: input.boolean("dry-run", false),
      jobs: input.integer("jobs", { min: 1, max: 9 }),
      recipients: input.list("recipient"),
      asOf: input.string("as-of"),
      level: input.optional.string("level"),
    })),
  ).toEqual({ dryRun: true, jobs: 4, recipients: ["age1a", "age1b"], asOf: "now", level: undefined });
});

describe("a secret-bearing flag", () => {
  test("takes env:NAME and file:PATH", () => {
    const path = join(folder, "key.txt");
    writeFileSync(path, "AGE-SECRET-KEY-1QQQQ\n");
    const flags = { sourceUrl: "env:DATABASE_URL", identityFile: `file:${path}` };
    expect(read(flags, (input) => [input.secret("source-url"), input.secret("identity-file")])).toEqual([
      "postgres://lena:correct-horse@db/shop",
      "AGE-SECRET-KEY-1QQQQ",
    ]);
  });

  test("refuses the secret itself, without repeating it", () => {
    const error = failureOf(() =>
      read({ sourceUrl: "correct-horse" }, (input) => input.secret("source-url")),
    );
    expect(error.code).toBe("secret-in-argv");
    expect(error.hint).toContain("--source-url env:NAME or --source-url file:PATH");
    expect(error.message + error.hint).not.toContain("correct-horse");
  });

  test("reports places that lead nowhere among the other problems", () => {
    writeFileSync(join(folder, "empty"), "\n");
    const flags = { a: "env:MISSING", b: `file:${folder}/none`, c: `file:${folder}/empty`, jobs: "x" };
    const error = failureOf(() =>
      read(flags, (input) => [
        input.secret("a"),
        input.secret("b"),
        input.optional.secret("c"),
        input.secret("d"),
        input.integer("jobs", { min: 1, max: 2 }),
      ]),
    );
    expect(error.message.split("\n")).toEqual([
      "5 inputs are not valid:",
      "- --a names the environment variable MISSING, which is not set. Set and export MISSING, or give file:PATH.",
      `- --b names the file ${folder}/none, which cannot be read. See that it exists and that you may read it.`,
      expect.stringContaining(`- --c names the file ${folder}/empty, which is empty or too large.`),
      "- --d is missing. Add --d env:NAME or --d file:PATH.",
      '- --jobs is "x": not a whole number from 1 to 2.',
    ]);
  });
});

describe("a command line", () => {
  test.each([
    [["restore", "--target-url", "postgres://lena:hunter2@db/shop"], "--target-url"],
    [["restore", "--target-url=postgres://lena:hunter2@db/shop"], "--target-url"],
    [["restore", "postgres://lena:hunter2@db/shop"], "--flag"],
    [["backup", "--source-url", "host=db password=hunter2"], "--source-url"],
    [["verify", "--identity", "AGE-SECRET-KEY-1HUNTER2"], "--identity"],
    [["verify", "--identity", "age-secret-key-1hunter2"], "--identity"],
  ])("is refused where it holds a secret: %j", (argv, flag) => {
    const error = failureOf(() => refuseSecretsInArgv(argv));
    expect(error.code).toBe("secret-in-argv");
    expect(error.hint).toContain(`${flag} env:NAME`);
    expect(`${error.message} ${error.hint}`.toLowerCase()).not.toContain("hunter2");
  });

  test.each([
    [["restore", "--target-url", "env:TARGET_URL", "--confirm", "shop"]],
    [["restore", "--password=env:TARGET_PASSWORD", "--token", "file:/run/token"]],
    [["backup", "--source-url", "postgres://lena@db/shop", "--recipient", "age1qqqq"]],
    [["list", "--store", "file:///backups", "--as-of", "2026-11-23T00:00:00Z"]],
  ])("passes without one: %j", (argv) => {
    expect(() => refuseSecretsInArgv(argv)).not.toThrow();
  });
});
