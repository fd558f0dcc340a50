import { expect, test } from "vitest";
import { LifeboatError } from "../../../src/errors.ts";
import { actionInputs } from "../../../src/runner/environment.ts";
import { type InputReader, readInputs } from "../../../src/runner/input-reader.ts";
import { createSecrets } from "../../../src/runner/secrets.ts";

const levels = ["stored", "unsealed", "restored"] as const;

function read<T>(inputs: Readonly<Record<string, string>>, shape: (read: InputReader) => T): T {
  const environment = Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]),
  );
  return readInputs(actionInputs(environment), createSecrets(), shape);
}

function problemOf(inputs: Readonly<Record<string, string>>, shape: (read: InputReader) => unknown): string {
  try {
    read(inputs, shape);
  } catch (error) {
    if (error instanceof LifeboatError && error.code === "input-invalid") return error.message;
    throw error;
  }
  throw new Error("no problem was found");
}

test("reads every kind of value", () => {
  const inputs = {
    text: " a b ",
    flag: "True",
    count: "12",
    every: "1h30m",
    level: "restored",
    items: "a, b,,c",
  };
  expect(
    read({ ...inputs, lines: "one, two\n\n three " }, (input) => ({
      text: input.string("text"),
      flag: input.boolean("flag"),
      count: input.integer("count", { min: 0, max: 12 }),
      everyMs: input.duration("every", { min: 0, max: 1e9 }),
      level: input.enum("level", levels),
      items: input.list("items"),
      lines: input.list("lines"),
    })),
  ).toEqual({
    text: "a b",
    flag: true,
    count: 12,
    everyMs: 5_400_000,
    level: "restored",
    items: ["a", "b", "c"],
    lines: ["one, two", "three"],
  });
});

test("takes what is absent, empty or blank as undefined, or as the fallback", () => {
  expect(
    read({ empty: "", blank: "  " }, ({ optional, ...input }) => ({
      absent: optional.string("absent"),
      empty: optional.integer("empty", { min: 0, max: 1 }),
      blank: optional.list("blank"),
      key: optional.secret("key"),
      flag: input.boolean("flag", false),
      level: input.enum("level", levels, "stored"),
    })),
  ).toEqual({
    absent: undefined,
    empty: undefined,
    blank: undefined,
    key: undefined,
    flag: false,
    level: "stored",
  });
});

test.each<[string, (input: InputReader) => unknown, string]>([
  ["yes", (input) => input.boolean("x"), 'Input `x` is "yes": not true or false.'],
  [
    "4.5",
    (input) => input.integer("x", { min: 1, max: 9 }),
    'Input `x` is "4.5": not a whole number from 1 to 9.',
  ],
  ["0x4", (input) => input.integer("x", { min: 1, max: 9 }), "not a whole number from 1 to 9."],
  ["10", (input) => input.integer("x", { min: 1, max: 9 }), "not a whole number from 1 to 9."],
  ["3", (input) => input.duration("x", { min: 0, max: 1e9 }), "for example 90s, 30m, 1h30m or 2d."],
  ["2d", (input) => input.duration("x", { min: 60_000, max: 3_600_000 }), "not from 1m to 1h."],
  [",,", (input) => input.list("x"), "a list without an item."],
  ["RESTORED", (input) => input.enum("x", levels), 'Did you mean "restored"?'],
  ["zebra", (input) => input.enum("x", levels), "not one of stored, unsealed, restored."],
])("says of %j what is allowed", (value, shape, words) => {
  expect(problemOf({ x: value }, shape)).toContain(words);
  expect(problemOf({ x: value }, shape)).toContain("Input `x` is");
});

test("suggests nothing that is far away", () => {
  expect(problemOf({ x: "zebra" }, (input) => input.enum("x", levels))).not.toContain("Did you mean");
});

test("reports all problems together, also when the object under construction trips over one of them", () => {
  const message = problemOf({ level: "unseald", jobs: "0" }, (input) => {
    const jobs = input.integer("jobs", { min: 1, max: 4 });
    const level = input.enum("level", levels);
    const source = input.string("source");
    return { jobs, level, size: source.length };
  });
  expect(message.split("\n")).toEqual([
    "3 inputs are not valid:",
    '- input `jobs` is "0": not a whole number from 1 to 4.',
    '- input `level` is "unseald": not one of stored, unsealed, restored. Did you mean "unsealed"?',
    "- input `source` is missing. Add `source:` below `with:`.",
  ]);
});

test("lets a failure of its own through when no input is to blame", () => {
  expect(() =>
    read({}, () => {
      throw new TypeError("ours");
    }),
  ).toThrow(TypeError);
});

test("never shows a secret that does not fit, and masks it before it is parsed", () => {
  const masked: string[] = [];
  const secrets = createSecrets((mask) => masked.push(mask));
  const source = actionInputs({ INPUT_KEY: "hunter2-hunter2" });
  const parse = (): never => {
    expect(masked).toContain("hunter2-hunter2");
    throw new LifeboatError("input-invalid", "It is not a key.", { hint: "Make one with keygen." });
  };
  expect(() => readInputs(source, secrets, (input) => input.secret("key", parse))).toThrow(
    /^Input `key` has a value that does not fit: It is not a key\. Make one with keygen\.$/,
  );
});

test("tells how to hand over a missing secret", () => {
  expect(problemOf({}, (input) => input.secret("database-url"))).toContain(
    "`database-url: ${{ secrets.… }}`",
  );
});

test("takes a domain's own parser and its words", () => {
  const parse = (text: string): number => {
    if (text === "one") return 1;
    throw new LifeboatError("input-invalid", "not a number word.", { hint: "Write one." });
  };
  expect(read({ x: "one" }, (input) => input.parsed("x", parse))).toBe(1);
  expect(problemOf({ x: "two" }, (input) => input.parsed("x", parse))).toBe(
    'Input `x` is "two": not a number word. Write one.',
  );
});

test("collects what only several inputs together show", () => {
  const message = problemOf({ a: "1" }, (input) => input.problem("a", "it excludes `b`.", "Remove one."));
  expect(message).toBe("Input `a`: it excludes `b`. Remove one.");
});
