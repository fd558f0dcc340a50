import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { LifeboatError } from "../../../src/errors.ts";
import { checkPolicy, readPolicy } from "../../../src/policy/check.ts";
import { defaultPolicy } from "../../../src/policy/defaults.ts";
import { dayMs, yearMs } from "../../../src/policy/durations.ts";
import { retentionAt } from "../../../src/policy/policy.ts";
import { head, policyOf, recipients } from "./policies.ts";

const page = readFileSync(new URL("../../../docs/policy.md", import.meta.url), "utf8");
const example = /```yaml\n(.*?)```/s.exec(page)?.[1] ?? "";
const database = "sources: { database: { type: postgres, url: { secret: DATABASE_URL } } }\n";

/** Problems as `line:column path: sentence cure`. */
function problemsOf(text: string, visibility?: "public" | "private"): readonly string[] {
  const { problems, policy } = checkPolicy(text, visibility === undefined ? {} : { visibility });
  expect(policy === undefined).toBe(problems.length > 0);
  return problems.map(
    ({ line, column, path, sentence, cure }) => `${line}:${column} ${path}: ${sentence} ${cure}`,
  );
}

describe("the example of docs/policy.md", () => {
  test("is a sound policy, and the published schema agrees", () => {
    expect(problemsOf(example, "public")).toEqual([]);
    const file = new URL("../../../docs/schemas/policy.schema.json", import.meta.url);
    const ajv = new Ajv2020({ strict: false });
    addFormats.default(ajv);
    const validate = ajv.compile(JSON.parse(readFileSync(file, "utf8")) as object);
    expect([validate(parse(example)), validate.errors]).toEqual([true, null]);
    expect(validate(parse(example.replace("keep-at-least", "keep-atleast")))).toBe(false);
  });

  test("keeps near what artifacts can, and everything in the archive", () => {
    const { policy, findings } = readPolicy(example, { visibility: "public" });
    const [near, archive] = policy.stores;
    expect(Object.keys(retentionAt(near!, policy, 90).tiers)).toEqual(["hourly", "daily", "weekly"]);
    expect(Object.keys(retentionAt(near!, policy, 400).tiers)).toEqual([
      "hourly",
      "daily",
      "weekly",
      "monthly",
    ]);
    expect(retentionAt(archive!, policy, 90).tiers.yearly).toBe(7 * yearMs);
    expect(findings.map(({ code }) => code)).toEqual(["policy-rpo-tight", "policy-rpo-tight"]);
    expect(policy.sources.map(({ name, everyMs, rpoMs }) => [name, everyMs, rpoMs])).toEqual([
      ["database", 3_600_000, 3_600_000],
      ["storage", dayMs, dayMs],
      ["application", dayMs, 900_000],
    ]);
  });
});

describe("every problem is told with its place", () => {
  test.each<[name: string, rest: string, ...expected: string[]]>([
    [
      "misspelt keys",
      "timezone: Europe/Berln\nalert: {}\nsources: { database: { type: postgres, url: { secret: DATABASE_URL }, evry: 1h } }",
      '3:11 timezone: is "Europe/Berln", not the name of a time zone. Did you mean Europe/Berlin?',
      "4:1 alert: is not a key that stands here. Did you mean alerts?",
      "5:71 sources.database.evry: is not a key that stands here. Did you mean every?",
    ],
    [
      "a project's settings by halves",
      "sources:\n  a: { type: application, access-token: { secret: TOKEN } }\n  b: { type: application, project: abcdefghijklmnopqrst }\n" +
        "  c: { type: application, access-token: { secret: TOKEN }, project: Mine }",
      "4:27 sources.a.access-token: is given without the project whose settings it reads. Add project: and the 20 letters of https://REF.supabase.co beside it.",
      "5:27 sources.b.project: is given without the token that reads its settings. Add access-token: { secret: SUPABASE_ACCESS_TOKEN }.",
      "6:69 sources.c.project: is not the ref of a Supabase project. Write for example abcdefghijklmnopqrst.",
    ],
    [
      "a key far from any",
      database + "keys: { colour: 1 }",
      "4:9 keys.colour: is not a key that stands here. Allowed are rotate.",
    ],
    [
      "misspelt types and words",
      "stores: { near: { type: github-artifact }, far: { type: s3, bucket: abc, lock: Governance } }\n" +
        database,
      '3:25 stores.near.type: is "github-artifact", not one of github-artifacts, s3, directory. Did you mean github-artifacts?',
      '3:80 stores.far.lock: is "Governance", not one of none, governance, compliance. Did you mean governance?',
    ],
    [
      "durations",
      "retention: { hourly: 2, daily: 30 days, weekly: 3 months, monthly: 6m }\n" + database,
      "3:22 retention.hourly: is 2 without a unit. Did you mean 2d?",
      '3:32 retention.daily: is "30 days", not a number with s, m, h, d, w or y, for example 90s, 30m, 1h30m or 2d. Did you mean 30d?',
      '3:49 retention.weekly: is "3 months", not a number with s, m, h, d, w or y, for example 90s, 30m, 1h30m or 2d. Did you mean 93d?',
      "3:68 retention.monthly: is 6m, not from 28 days to 100 years. m stands for minutes: for 6 months write 186d.",
    ],
    [
      "Norway",
      "sources: { application: { type: application, on-push: no, paths: yes } }",
      '3:55 sources.application.on-push: is "no", not true or false. Write false.',
      "3:66 sources.application.paths: is a text, not a list. Write [one, two], or one item a line after a hyphen.",
    ],
    [
      "nothing behind a colon",
      "timezone:\n" + database,
      "3:1 timezone: has no value. Write one, or take the line out.",
    ],
    [
      "missing fields",
      "sources:\n  database: { type: postgres }\n  storage: {}\n  app:",
      "4:13 sources.database.url: is missing. Add it: docs/policy.md says what it may be.",
      "5:12 sources.storage.type: is missing. Add type: postgres, supabase-storage, application.",
      "6:3 sources.app: is empty, not a map. Write { type: … }.",
    ],
    [
      "wrong kinds",
      "sources: [a]\nretention: 30d\nwaive: signing",
      "3:1 sources: is a list, not a map from names to settings. Write `name: { type: … }`, one a line.",
      "4:12 retention: is a text, not a map. Write { key: value }, or one key a line, indented.",
      "5:8 waive: is a text, not a list. Write [one, two], or one item a line after a hyphen.",
    ],
    [
      "numbers",
      database + "retention: { hourly: 2d, keep-at-least: 0 }",
      "4:41 retention.keep-at-least: is 0, less than 1. Write more.",
    ],
    [
      "names",
      "sources: { Data Base: { type: postgres, url: { secret: database-url } } }",
      "3:12 sources.Data Base: is a name that is not 1 to 40 lower-case letters, digits, hyphens and underscores, beginning and ending with a letter or digit. Rename it.",
      "3:56 sources.Data Base.url.secret: is not the name of an environment variable. Give the name alone (capitals, digits, underscores), for example DATABASE_URL; the value belongs into the repository's secrets.",
    ],
    [
      "a pace and an objective that contradict",
      "sources: { database: { type: postgres, url: { secret: U }, every: 24h, rpo: 1h } }",
      "3:77 sources.database.rpo: is 1h, but a backup is made only every 1d. Write every: 1h, or accept a longer one.",
    ],
    [
      "a pace whose tier is not kept",
      "retention: { daily: 30d }\nsources: { database: { type: postgres, url: { secret: U }, every: 1h } }",
      "4:67 sources.database.every: is 1h, but the retention keeps no hourly backups, so they would go at once. Add hourly: 2d to retention, or back up less often.",
    ],
    [
      "a pace that fits no calendar",
      "sources: { database: { type: postgres, url: { secret: U }, every: 90m } }",
      "3:67 sources.database.every: is 1h30m, which fits no calendar. Write whole hours below a day, whole days above.",
    ],
    [
      "the same place twice",
      "stores: { a: { type: s3, bucket: abc }, b: { type: s3, bucket: abc } }\n" + database,
      "3:41 stores.b: is the same place as a: two names are not two copies. Name another place, or take one out.",
    ],
    [
      "a storage class that cannot be read back",
      "stores: { a: { type: s3, bucket: abc, storage-class: { daily: STANDARD_IA, yearly: DEEP_ARCHIVE } } }\n" +
        database,
      "3:84 stores.a.storage-class.yearly: is DEEP_ARCHIVE, which cannot be read at once, so nothing stored there could be proven. Write GLACIER_IR, or move old backups by a lifecycle rule of the bucket.",
    ],
    [
      "a check of nothing",
      database + "verify: { checks: [{ name: a, sql: select 1, expect: 1, source: shop }] }",
      "4:65 verify.checks[0].source: names no source of this policy. Name a database of `sources`.",
    ],
    [
      "a drill of what is gone",
      database + "drills: { of-age: 1y }",
      "4:19 drills.of-age: is 1y, but no backup is kept longer than 90 days. Drill a younger backup, or keep them longer.",
    ],
    [
      "issues: true",
      database + "alerts: { issues: true }",
      "4:19 alerts.issues: is true. Write false for none, or { labels: [backup] }, or nothing at all.",
    ],
  ])("%s", (_, rest, ...expected) => {
    expect(problemsOf(head + rest)).toEqual(expected);
  });
});

describe("recipients", () => {
  const withRecipients = (list: string, more = ""): readonly string[] =>
    problemsOf(`version: 1\nrecipients: ${list}\n${more}${database}`);
  const [first, second] = recipients;
  const twoKeys =
    "Add the public key of an identity that is kept offline (`lifeboat keygen`), or write waive: [second-recipient].";

  test("are two, unless one is expressly enough", () => {
    expect(withRecipients(`[${first}]`)).toEqual([
      `2:1 recipients: names only one key: if it is lost, so are all backups. ${twoKeys}`,
    ]);
    expect(withRecipients(`[${first}]`, "waive: [second-recipient]\n")).toEqual([]);
    expect(withRecipients("[]", "waive: [second-recipient]\n")).toEqual([
      `2:1 recipients: names nobody: nobody could open a backup. ${twoKeys}`,
    ]);
    expect(withRecipients(`[${first}, ${first}]`)).toEqual([
      "2:78 recipients[1]: is recipient 1 again. Give another key, kept in another place.",
    ]);
  });

  test("are keys that age can read, of one kind", () => {
    expect(withRecipients(`[${first}, ${second.slice(0, -1)}9]`)).toEqual([
      "2:78 recipients[1]: is misspelt or cut: its checksum or length is wrong. Give the `# public key:` of an identity file.",
    ]);
    expect(withRecipients(`[${first}, ssh-ed25519]`)[0]).toContain(
      "is neither an age1… nor an age1pq1… public key.",
    );
    const postQuantum = readFileSync(new URL("post-quantum-recipient.txt", import.meta.url), "utf8").trim();
    expect(withRecipients(`[${first}, ${postQuantum}]`)).toEqual([
      "2:78 recipients[1]: mixes X25519 (age1…) and post-quantum (age1pq1…) keys: one age1… undoes the others' protection. Give keys of one kind.",
    ]);
  });
});

describe("a secret in the file is pointed at and never repeated", () => {
  const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.c2lnbmF0dXJl";
  test.each([
    ["a URL with a password", "postgresql://postgres:hunter2@db.example.org/shop", "hunter2"],
    ["a URL with a password", "postgresql://postgres:p@ss/w0rd@db.example.org/shop", "w0rd"],
    ["an age identity", `AGE-SECRET-KEY-1${"Q".repeat(58)}`, "QQQQ"],
    ["a Supabase secret key", "sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz", "N7UND0"],
    ["a JSON Web Token", jwt, "c2lnbmF0"],
    ["an AWS access key", "AKIAIOSFODNN7EXAMPLE", "IOSFODNN7"],
    ["an AWS secret access key", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtn"],
    ["a GitHub token", `ghp_${"a1B2".repeat(9)}`, "a1B2"],
    ["a GitHub token", `github_pat_${"a1B2".repeat(9)}`, "a1B2"],
    ["a webhook's address", "https://hooks.slack.com/services/T000/B000/XXXXyyyy", "XXXXyyyy"],
  ])("%s: %s", (what, value, part) => {
    for (const rest of [
      `sources: { database: { type: postgres, url: ${JSON.stringify(value)} } }`,
      `sources: { database: { type: postgres, url: ${JSON.stringify(value)}, every: 1hour`,
      `${database}# ${value}`,
      `${database}alerts: { webhok: ${JSON.stringify(value)}, grace: ${JSON.stringify(value)} }`,
      `${database}timezone: ${JSON.stringify(value)}`,
    ]) {
      const problems = problemsOf(head + rest);
      expect(problems.some((problem) => problem.includes(`: ${what}`))).toBe(true);
      expect(problems.join("\n")).not.toContain(part);
      try {
        readPolicy(head + rest);
      } catch (error) {
        expect(String(error) + (error as LifeboatError).hint).not.toContain(part);
      }
    }
  });

  test("one in the place of a reference is one problem", () => {
    expect(
      problemsOf(`${head}sources: { database: { type: postgres, url: postgresql://u:hunter2@db/shop } }`),
    ).toEqual([
      "3:45 : a URL with a password stands here, where everybody who can read the repository reads it. Take it out, put a new one into the repository's secrets and write { secret: NAME }: the old one stays in git's history.",
    ]);
  });

  test("a word that nobody can tell from a password is not repeated either", () => {
    const text = `${head}sources: { storage: { type: supabase-storage, url: https://ref.supabase.co, key: correct-horse } }`;
    expect(problemsOf(text)).toEqual([
      "3:82 sources.storage.key: is a value where only { secret: NAME } may stand. Put the value into the repository's secrets and name it here: a policy names secrets, never holds them.",
    ]);
  });

  test("commit hashes, paths, recipients and addresses are none", () => {
    expect(
      problemsOf(
        `${head}# ${"0123456789abcdef".repeat(3).slice(0, 40)} ops@example.org https://example.org/a:b\n${database}`,
      ),
    ).toEqual([]);
  });
});

describe("what YAML can do to a policy", () => {
  const empty = "1:1 : The file is empty. docs/policy.md has an example.";
  test.each<[name: string, text: string, ...expected: string[]]>([
    ["empty", "", empty],
    ["only a comment", "# later\n", empty],
    ["null", "~\n", empty],
    ["a list", "- version: 1\n", "1:1 : The file is a list, not a map of keys. Begin with `version: 1`."],
    ["a sentence", "hello\n", "1:1 : The file is a text, not a map of keys. Begin with `version: 1`."],
    [
      "a later version",
      "version: 2\nwhatever: 1\n",
      "1:10 version: is 2; this Lifeboat reads version 1. Use the Lifeboat that it was written for, or a later one.",
    ],
    [
      "a version in quotes",
      `${head.replace("1", '"1"')}${database}`,
      "1:10 version: is not the number 1. Write `version: 1`.",
    ],
    [
      "no version",
      `${head.replace("version: 1\n", "")}${database}`,
      "1:1 version: is missing. Begin the file with `version: 1`.",
    ],
    [
      "a key twice",
      `${head}${database}${database}`,
      "4:1 : the same key stands twice in one map. Keep one of them: YAML would silently take the last.",
    ],
    ["a tab", `${head}sources:\n\tdatabase: {}\n`, "4:1 : a tab indents this line. Indent with spaces."],
    [
      "an anchor and an alias",
      `${head}sources: { database: { type: postgres, url: &u { secret: U } } }\nkeys: *u\n`,
      "3:48 sources.database.url: has an anchor (&name). Take it out: a policy has no anchors and aliases.",
      "4:7 keys: is an alias (*name). Write the value out: a policy has no anchors and aliases.",
    ],
    [
      "a tag",
      `${head}${database}timezone: !secret UTC\n`,
      "4:19 timezone: has a tag (!name). Take it out: a policy has plain values only.",
    ],
    [
      "two documents",
      `${head}${database}---\nversion: 1\n`,
      "4:1 : a second document begins here (---). A policy is one document.",
    ],
    [
      "an older YAML",
      `%YAML 1.1\n---\n${head}${database}`,
      "1:1 : has a directive (a line that begins with %). Take it out: YAML 1.1 reads `no` as false and `1:30` as 90, and a policy is read as YAML 1.2.",
    ],
    [
      "a bracket left open",
      `${head}retention: { daily: 30d\n${database}`,
      "4:1 : the indentation fits no line above, or a bracket is not closed. Align it with its neighbours.",
    ],
    [
      "a prototype",
      `${head}${database}__proto__: { polluted: 1 }\n`,
      "4:1 : has a key that is not a plain word. Write `name: value`.",
    ],
    [
      "deep brackets",
      "[".repeat(60_000),
      "1:25 : nests more than 24 levels deep. A policy needs four: see docs/policy.md.",
    ],
    [
      "deep dashes",
      `a:\n  ${"- ".repeat(30_000)}`,
      "2:1 : nests more than 24 levels deep. A policy needs four: see docs/policy.md.",
    ],
    [
      "a huge file",
      `# ${"x".repeat(70_000)}\n`,
      "1:1 : is larger than 64 KiB. A policy is a page or two: see docs/policy.md.",
    ],
  ])("%s", (_, text, ...expected) => {
    expect(problemsOf(text)).toEqual(expected);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  test("no text takes long, however it is made", () => {
    const fill = (part: string): string => part.repeat(Math.floor(64_000 / part.length));
    for (const part of ["a.", "x://u:", "eyJ-", "\n", " password=", '"a": ', "- \n", "x"]) {
      expect(problemsOf(`timezone: ${fill(part)}`).length).toBeGreaterThan(0);
      expect(problemsOf(fill(part)).length).toBeGreaterThan(0);
    }
    // Ten seconds instead of milliseconds is what a quadratic search costs here.
  }, 10_000);

  test("the laughing billion is not expanded", () => {
    const lines = ["a: &a [x, x, x, x, x, x, x, x, x]"];
    for (let level = 1; level < 20; level += 1) {
      const [name, of] = [String.fromCharCode(97 + level), String.fromCharCode(96 + level)];
      lines.push(`${name}: &${name} [${Array.from({ length: 9 }, () => `*${of}`).join(", ")}]`);
    }
    expect(problemsOf(lines.join("\n")).length).toBeGreaterThan(20);
  });

  test("a byte-order mark and Windows line ends change nothing", () => {
    expect(problemsOf(`\uFEFF${(head + database).replaceAll("\n", "\r\n")}`)).toEqual([]);
    expect(problemsOf(`${head}${database}keys: { rotate: 1 }`.replaceAll("\n", "\r\n"))[0]).toMatch(
      /^4:17 keys\.rotate:/,
    );
  });
});

describe("a retention that GitHub artifacts cannot keep", () => {
  const asking = (yearly: string, stores = ""): string =>
    `${head}${stores}retention: { hourly: 2d, yearly: ${yearly} }\n${database}`;
  const cure = "Add an S3 store (stores: archive: { type: s3, … }), or ask for less.";

  test("is an error that says so and names the cure", () => {
    expect(problemsOf(asking("7y"))).toEqual([
      `3:34 retention.yearly: is 7y, but GitHub artifacts live at most 90 days in public repositories and 400 in private ones. ${cure}`,
    ]);
    expect(problemsOf(asking("1y"), "public")).toEqual([
      `3:34 retention.yearly: is 1y, but GitHub artifacts live at most 90 days in public repositories. ${cure}`,
    ]);
    expect(problemsOf(asking("1y"), "private")).toEqual([]);
  });

  test("is a finding where nobody knows who may see the repository", () => {
    const { problems, findings } = checkPolicy(asking("1y"));
    expect([problems, findings.map(({ code }) => code)]).toEqual([
      [],
      ["policy-one-copy", "policy-no-long-tiers", "policy-artifact-days", "policy-rpo-tight"],
    ]);
  });

  test("is none where another store keeps it, and one where a store is asked for it by name", () => {
    const near = (retention: string): string =>
      `stores: { near: { type: github-artifacts${retention} }, archive: { type: s3, bucket: abc } }\n`;
    expect(problemsOf(asking("7y", near("")), "public")).toEqual([]);
    expect(problemsOf(asking("7y", near(", retention: { daily: 91d }")), "public")).toEqual([
      `3:63 stores.near.retention.daily: is 91d, but GitHub artifacts live at most 90 days in public repositories. ${cure}`,
    ]);
  });
});

test("without a policy file: the old procedure's database backup, and what is missing", () => {
  const { policy, findings } = defaultPolicy("public");
  expect(policy.retention).toEqual({ tiers: { daily: 30 * dayMs, weekly: 90 * dayMs }, keepAtLeast: 3 });
  expect(policy.sources.map(({ name, type, everyMs }) => [name, type, everyMs])).toEqual([
    ["database", "postgres", dayMs],
  ]);
  expect(policy.stores.map(({ type }) => type)).toEqual(["github-artifacts"]);
  expect(findings.map(({ code, sentence }) => `${code}: ${sentence}`).slice(0, 3)).toEqual([
    "policy-missing: There is no policy file: the database is backed up once a day into GitHub artifacts.",
    "policy-one-copy: There is one copy of each backup: it dies with the repository.",
    "policy-no-long-tiers: No monthly and yearly backups are kept: monthly and yearly need an S3 store.",
  ]);
});

test("what a file leaves out has the documented defaults", () => {
  const policy = policyOf(
    `${database}alerts: { email: { to: ops@example.org }, issues: false }\nwaive: [signing]\n`,
  );
  expect(policy.timezone).toBe("UTC");
  expect(policy.retention).toEqual({
    tiers: { hourly: 2 * dayMs, daily: 30 * dayMs, weekly: 90 * dayMs },
    keepAtLeast: 3,
  });
  expect(policy.drills).toEqual({ restorationMs: 90 * dayMs, ofAgeMs: 30 * dayMs, disasterMs: yearMs });
  expect(policy.alerts.email?.smtp.password).toEqual({ secret: "SMTP_PASS" });
  expect(policy.alerts.issues).toBeUndefined();
  // A pace that nobody asked for adapts to what is kept.
  expect(policyOf(`retention: { weekly: 90d }\n${database}`).sources[0]?.everyMs).toBe(7 * dayMs);
});

test("readPolicy throws one error with every problem, each with file, line and column", () => {
  const text = `${head}sources: { database: { type: postgres } }\ntimezone: Nowhere\n`;
  const act = (): unknown => readPolicy(text, { file: "lifeboat.yml" });
  expect(act).toThrow(LifeboatError);
  expect(act).toThrow(
    "The policy has 2 problems:\n" +
      "- lifeboat.yml:3:22: sources.database.url is missing. Add it: docs/policy.md says what it may be.\n" +
      '- lifeboat.yml:4:11: timezone is "Nowhere", not the name of a time zone. Write for example Europe/Berlin, or UTC.',
  );
});
