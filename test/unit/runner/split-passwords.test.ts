/** A password that nobody encoded: no piece of it may leave by an error, whatever the URL is taken for. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { LifeboatError } from "../../../src/errors.ts";
import { parseConnection } from "../../../src/postgres/connection.ts";
import { type InputSource, readInputs } from "../../../src/runner/input-reader.ts";
import { createSecrets } from "../../../src/runner/secrets.ts";
import { parseStoreAddress } from "../../../src/store/open-store.ts";

const runs = process.env["LIFEBOAT_TRIAL"] === undefined ? 500 : 20_000;
const character = fc.constantFrom(...Array.from("abcXYZ0189@@@///???###%%%:[] &=+!$'(){}<>|^~`\\,;\"é"));
const password = fc.array(character, { minLength: 3, maxLength: 20 }).map((all) => all.join(""));
/** Texts that are the same for everybody. */
let fixed: string;

beforeAll(async () => {
  const files = [
    ...["postgres/connection", "postgres/connection-url", "postgres/connection-mistakes"],
    ...["postgres/url-parameters", "runner/input-reader", "store/s3-address", "store/open-store"],
  ];
  const texts = files.map((name) => readFile(join(import.meta.dirname, `../../../src/${name}.ts`), "utf8"));
  const controls = ["@", "/@", "@/@", "#", "#@", " ", "[", "%", ":"].flatMap((odd) => [
    refusal(`postgresql://lena:${odd}@db.example.org/shop`, "secret"),
    refusal(`postgresql://lena@db.example.org/shop?password=${odd}`, "secret"),
    refusal(`s3://${odd}`, "plain"),
  ]);
  fixed = [...(await Promise.all(texts)), ...controls].join("\n").toLowerCase().replaceAll(/\s+/g, " ");
});

function given(value: string): InputSource {
  const get = (): string => value;
  return { get, secret: get, describe: () => "input `value`", howToSet: () => "" };
}

/** What people see where the value is refused. */
function refusal(value: string, read: "secret" | "plain"): string {
  try {
    readInputs(given(value), createSecrets(), (reader) =>
      read === "secret"
        ? reader.secret("value", (text) => parseConnection(text, "database URL"))
        : reader.parsed("value", parseStoreAddress),
    );
    return "";
  } catch (error) {
    if (error instanceof LifeboatError) return `${error.message}\n${error.hint}`;
    throw error;
  }
}

function leakedPieces(text: string, secret: string): readonly string[] {
  const said = text.toLowerCase().replaceAll(/\s+/g, " ");
  const pieces = Array.from({ length: secret.length - 2 }, (_, at) => secret.slice(at, at + 3).toLowerCase());
  return pieces.filter((piece) => said.includes(piece) && !fixed.includes(piece));
}

describe("a password that nobody encoded", () => {
  test("is in no sentence about a database URL, nor taken for a host", () => {
    fc.assert(
      fc.property(password, fc.constantFrom("/shop", "/shop?sslmode=require", "", "?x=1"), (secret, tail) => {
        const url = `postgresql://lena:${secret}@db.example.org:5432${tail}`;
        expect(leakedPieces(refusal(url, "secret"), secret)).toEqual([]);
        let host: string | undefined;
        try {
          ({ host } = parseConnection(url, "URL"));
        } catch {
          return;
        }
        expect(host).toBe("db.example.org");
      }),
      { numRuns: runs },
    );
  });

  test("is in no sentence about a URL that names it behind the question mark", () => {
    fc.assert(
      fc.property(password, (secret) => {
        const url = `postgresql://lena@db.example.org/shop?password=${secret}&sslmode=require`;
        expect(leakedPieces(refusal(url, "secret"), secret)).toEqual([]);
      }),
      { numRuns: runs },
    );
  });

  test("is in no sentence about the address of a bucket", () => {
    fc.assert(
      fc.property(password, (secret) => {
        for (const address of [`s3://AKIA:${secret}@bucket/prefix`, `s3://bucket?secret=${secret}`]) {
          expect(leakedPieces(refusal(address, "plain"), secret)).toEqual([]);
        }
      }),
      { numRuns: runs },
    );
  });

  test("is masked with every piece of it that is longer than three characters", () => {
    const masks: string[] = [];
    createSecrets((mask) => masks.push(mask)).add(
      "postgresql://lena:pqrs/tuvw@xyzz#abc%40@db.example.org/shop",
    );
    for (const piece of ["pqrs", "tuvw", "xyzz", "pqrs/tuvw@xyzz#abc%40"]) expect(masks).toContain(piece);
    for (const ordinary of ["lena", "db.example.org", "shop", "abc"]) expect(masks).not.toContain(ordinary);
  });
});

test.each([
  [
    "postgresql://postgres:[YOUR-PASSWORD]@db.x.supabase.co:5432/postgres",
    "a placeholder where the password",
  ],
  ["postgresql://postgres:YOUR_PASSWORD@db.x.supabase.co:5432/postgres", "a placeholder where the password"],
  ["postgresql://postgres:<password>@db.x.supabase.co:5432/postgres", "a placeholder where the password"],
  ["postgresql://postgres:{db_password}@h/d", "a placeholder where the password"],
  ["postgresql://postgres:$PGPASSWORD@h/d", "a placeholder where the password"],
  ["postgresql://postgres:pw@db.[YOUR-PROJECT-REF].supabase.co/postgres", "still has a placeholder"],
  ["$DATABASE_URL", "is the name of a variable"],
  ["${DATABASE_URL}", "is the name of a variable"],
  ["${{ secrets.DATABASE_URL }}", "is a GitHub expression"],
  ['"postgresql://u:p@h/d"', "is wrapped in quotes"],
  ["'postgresql://u:p@h/d'", "is wrapped in quotes"],
  ["psql postgresql://u:p@h/d", "is a command, not a URL"],
  ["psql 'postgresql://u:p@h/d'", "is"],
  ["DATABASE_URL=postgresql://u:p@h/d", "begins with a variable's name"],
  ["export DATABASE_URL=postgresql://u:p@h/d", "begins with a variable's name"],
  ["jdbc:postgresql://h/d?user=u", "is a JDBC URL"],
  ["host=h user=u password=pqrs", "is a list of keywords"],
  ["postgresql://u:p\nq@h/d", "a space or line break: percent-encode the password"],
  ["postgresql://u:p@ss/word@host/db", "a second `@`: percent-encode the password"],
  ["postgresql://u:p@ss@host/db", "an unencoded `@`: percent-encode the password"],
  ["postgresql://u:p/ssword@host/db", "a `/`, `?` or `#` before the `@`: percent-encode the password"],
  ["postgresql://u:p%ssword@host/db", "has a stray percent sign: percent-encode the password"],
])("%s is told apart in one sentence with its cure", (value, words) => {
  expect(refusal(value, "secret")).toContain(words);
  if (words.includes("percent-encode")) expect(refusal(value, "secret")).toContain("a%2Fb%40c");
});

test("nor does it leave by an action: log, annotation, outputs, summary", { timeout: 60_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "lifeboat-split-"));
  try {
    const [outputs, summary] = [join(folder, "outputs"), join(folder, "summary")];
    for (const secret of ["qzj@vkx/wqz", "jxq#zvk@kqj"]) {
      await writeFile(outputs, "");
      await writeFile(summary, "");
      const program = join(import.meta.dirname, "../../support/action-from-source.ts");
      const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, "db-backup"], {
        env: {
          PATH: process.env["PATH"] ?? "",
          GITHUB_ACTIONS: "true",
          GITHUB_OUTPUT: outputs,
          GITHUB_STEP_SUMMARY: summary,
          "INPUT_DATABASE-URL": `postgresql://lena:${secret}@db.example.invalid/shop`,
          INPUT_SOURCE: "shop",
          INPUT_STORE: `file://${folder}/store`,
        },
      }).catch((error: unknown) => error as { stdout: string; stderr: string });
      // The runner never shows the lines that tell it what to mask.
      const shown = stdout.replaceAll(/^::add-mask::.*$/gm, "");
      const seen = [shown, stderr, await readFile(outputs, "utf8"), await readFile(summary, "utf8")].join(
        "\n",
      );
      expect(seen).toContain("percent-encode the password");
      for (let at = 0; at + 3 <= secret.length; at++) expect(seen).not.toContain(secret.slice(at, at + 3));
      const firstMask = stdout.indexOf("::add-mask::");
      expect(firstMask).toBeGreaterThanOrEqual(0);
      expect(firstMask).toBeLessThan(stdout.indexOf("::error"));
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
