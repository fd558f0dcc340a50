import { readFileSync } from "node:fs";
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { describe, expect, test } from "vitest";
import type { z } from "zod";
import { recordSchema } from "../../../src/runner/record.ts";
import { runStep, type Step, type StepEnd } from "./step.ts";

const end = (ending: string, step: Omit<Step, "entry"> = {}): Promise<StepEnd> =>
  runStep({ ...step, entry: "action.ts", inputs: { end: ending, ...step.inputs } });

const errorsOf = (step: StepEnd): readonly string[] =>
  step.commands.filter((line) => line.startsWith("::error"));

const recordOf = (step: StepEnd): z.infer<typeof recordSchema> =>
  recordSchema.parse(JSON.parse(step.outputs["record"] ?? "null"));

const publishedSchema = new URL("../../../docs/schemas/record.schema.json", import.meta.url);
const validate = addFormats
  .default(new Ajv2020.default({ strict: true }))
  .compile(JSON.parse(readFileSync(publishedSchema, "utf8")) as object);

describe("an action that ends well", () => {
  test("exits with 0 and leaves outputs, summary and record", async () => {
    const step = await end("success");
    expect(step).toMatchObject({ code: 0, stdout: "", stderr: "", summary: "## All well\n" });
    expect(step.outputs).toMatchObject({ answer: "42" });
    expect(recordOf(step)).toMatchObject({
      action: "test-action",
      outcome: "success",
      exitCode: 0,
      numbers: { rows: 3 },
      run: { repository: "octo/app", id: "77", attempt: 1 },
    });
  });

  test("is not held by a connection that somebody left open", async () => {
    expect((await end("success with an open handle")).code).toBe(0);
  });

  test("writes outputs that no value can break out of", async () => {
    const { code, outputs } = await end("hostile outputs");
    expect(code).toBe(0);
    expect(Object.keys(outputs)).toEqual(["first", "second", "third", "record"]);
    expect(outputs).toMatchObject({
      first: "a\nEOF\nsecond=stolen\nghadelimiter_0\n",
      second: "x<<EOF",
      third: "",
    });
  });

  test("works where the runner's files are unset", async () => {
    const step = await end("success", { env: { GITHUB_OUTPUT: "", GITHUB_STEP_SUMMARY: "" } });
    expect(step).toMatchObject({ code: 0, stdout: "" });
  });

  test("fails when its outputs cannot be written, because nobody would learn of the work", async () => {
    const step = await end("success", { env: { GITHUB_OUTPUT: "/nowhere/output" } });
    expect(step.code).toBe(1);
    expect(errorsOf(step)).toHaveLength(1);
  });
});

describe("an action that fails", () => {
  test.each([
    ["bad news", 3, "snapshot-damaged", "damaged"],
    ["too new", 4, "snapshot-too-new", "not-verified"],
    ["stranger", 1, "unexpected", "failure"],
    ["stray rejection", 1, "store-read-failed", "failure"],
    ["exits behind our back", 1, "run-stopped", "failure"],
    ["bad record", 1, "unexpected", "failure"],
  ])("%s: exit code %i, one error line with code %s, outcome %s", async (ending, code, error, outcome) => {
    const step = await end(ending);
    expect(step.code).toBe(code);
    expect(errorsOf(step)).toHaveLength(1);
    expect(errorsOf(step)[0]).toContain(`title=Lifeboat test-action%3A ${error}::`);
    expect(errorsOf(step)[0]).toContain(`https://github.com/octo/lifeboat/blob/v1/docs/errors.md#${error}`);
    expect(recordOf(step)).toMatchObject({ outcome, exitCode: code, error: { code: error } });
    expect(validate(JSON.parse(step.outputs["record"] ?? "")), JSON.stringify(validate.errors)).toBe(true);
  });

  test("keeps the outputs and the summary of work that ended with bad news", async () => {
    const step = await end("bad news");
    expect(step.outputs).toMatchObject({ answer: "42" });
    expect(step.summary).toBe("## All well\n");
  });

  test("names all bad inputs together, in one error", async () => {
    const step = await end("bad inputs", { inputs: { level: "unseald", jobs: "many" } });
    expect(step.code).toBe(2);
    const [error] = errorsOf(step);
    expect(error).toContain("3 inputs are not valid");
    expect(error).toContain("input `database-url` is missing");
    expect(error).toContain('Did you mean "unsealed"?');
    expect(error).toContain("not a whole number from 1 to 32");
    expect(step.summary).toContain("**What to do:**");
  });

  test("starts nothing when its time limit is not a duration", async () => {
    const step = await end("waits for the signal", { inputs: { "time-limit": "soon" } });
    expect(step.code).toBe(2);
    expect(step.stdout).not.toContain("ready");
  });

  test("shows other people's words only where the repository is private", async () => {
    const inPublic = await end("stranger");
    expect(inPublic.stdout + inPublic.summary + JSON.stringify(inPublic.outputs)).not.toContain("patients");
    expect(inPublic.stdout).toContain("42P01");
    expect((await end("stranger", { isPrivate: true })).stdout).toContain("patients");
    expect((await end("with cause")).stdout).not.toContain("patients");
    expect((await end("with cause", { isPrivate: true })).stdout).toContain("patients");
  });
});

describe("an action that does not end", () => {
  test("whose event loop has drained is a failure with a line, not a silent success", async () => {
    const step = await end("never settles");
    expect(step.code).toBe(1);
    expect(errorsOf(step)).toHaveLength(1);
    expect(errorsOf(step)[0]).toContain("The work stopped without an end");
    expect(recordOf(step)).toMatchObject({ outcome: "failure", error: { code: "run-stopped" } });
  });

  test("is given time to clean up", async () => {
    const step = await end("never settles but cleans up");
    expect(step.code).toBe(1);
    expect(step.stdout.indexOf("cleaned up")).toBeLessThan(step.stdout.indexOf("::error"));
    expect(step.stdout).toContain("cleaned up");
  });

  test("is stopped at its time limit", async () => {
    const step = await end("never settles but stays alive", { inputs: { "time-limit": "1s" } });
    expect(step.code).toBe(1);
    expect(errorsOf(step)[0]).toContain("did not end within its limit of 1s");
  });

  test.each(["SIGTERM", "SIGINT"] as const)("cleans up and fails on %s", async (signal) => {
    const step = await end("waits for the signal", {
      onOutput: (text, kill) => {
        if (text.includes("ready")) kill(signal);
      },
    });
    expect(step.code).toBe(1);
    expect(step.stdout).toContain("cleaned up");
    expect(errorsOf(step)[0]).toContain(`cancelled (${signal})`);
    expect(recordOf(step)).toMatchObject({ outcome: "cancelled" });
  });

  test("ends at the second signal when its clean-up hangs", async () => {
    const step = await end("cleans up for ever", {
      inputs: { grace: "1000000" },
      onOutput: (text, kill) => {
        if (text.includes("ready")) kill("SIGINT");
        if (text.includes("cleaning")) kill("SIGTERM");
      },
    });
    expect(step.code).toBe(1);
    expect(errorsOf(step)[0]).toContain("cancelled (SIGINT)");
  });
});

describe("an action that is cancelled says what has happened", () => {
  const cancelled = (ending: string, inputs: Readonly<Record<string, string>> = {}): Promise<StepEnd> =>
    end(ending, {
      inputs,
      onOutput: (text, kill) => {
        if (text.includes("ready")) kill("SIGTERM");
      },
    });

  test("done all the same: exit code 0, its outputs, and a word that the cancel came too late", async () => {
    const step = await cancelled("too late to stop");
    expect(step.code).toBe(0);
    expect(step.outputs).toMatchObject({ answer: "42" });
    expect(step.summary).toContain("It was too late to stop the work: it is done, as reported.");
    expect(recordOf(step)).toMatchObject({ outcome: "success", interrupted: { code: "run-cancelled" } });
    expect(validate(JSON.parse(step.outputs["record"] ?? "")), JSON.stringify(validate.errors)).toBe(true);
  });

  test.each(["hangs half done", "stumbles over its own end"])(
    "%s: what was changed is counted",
    async (how) => {
      const step = await cancelled(how, { grace: "500" });
      expect(step.code).toBe(1);
      expect(errorsOf(step)[0]).toContain("cancelled (SIGTERM). 3 of 10 objects are written.");
      expect(recordOf(step)).toMatchObject({ outcome: "cancelled", error: { code: "run-cancelled" } });
    },
  );

  test("at a step that nobody answers: unknown, with the command that finds out", async () => {
    const step = await cancelled("hangs at the swap", { grace: "500" });
    expect(step.code).toBe(1);
    expect(errorsOf(step)[0]).toContain("The target's state is not known.%0AAsk psql.");
    expect(recordOf(step)).toMatchObject({ outcome: "unknown", error: { code: "run-outcome-unknown" } });
  });
});

describe("what is printed", () => {
  test("cannot command the runner, wherever the text came from", async () => {
    const step = await end("injection");
    const own = step.commands.filter((line) => !/^::(?:error|group|endgroup|debug)\b/.test(line));
    expect(own).toEqual([]);
    expect(errorsOf(step)).toHaveLength(1);
    expect(Object.keys(step.outputs)).toEqual(["record"]);
    expect(recordOf(step)).toMatchObject({ source: "main" });
  });

  test("is not starred by a password that is an everyday word, and does not show it either", async () => {
    const step = await end("weak password", {
      inputs: { "database-url": "postgres://postgres:postgres@db:5432/postgres" },
    });
    expect(step.code).toBe(0);
    expect(step.commands.map((line) => line.trim())).not.toContain("::add-mask::postgres");
    expect(step.stdout).toContain("connecting to the database postgres as postgres by ***");
    expect(step.outputs["database"]).toBe("postgres");
  });

  test("has a strong password in no form, and the runner is told to mask it", async () => {
    const step = await end("strong password", {
      isPrivate: true,
      inputs: { "database-url": "postgres://lena:p%40ss%2Fw%C3%B6rd-9x@db.example:5432/shop" },
    });
    const masks = step.commands.filter((line) => line.startsWith("::add-mask::"));
    expect(masks).toContain("::add-mask::p@ss/wörd-9x");
    expect(masks).toContain("::add-mask::p%2540ss%252Fw%25C3%25B6rd-9x");
    const rest = step.stdout
      .split("\n")
      .filter((line) => !line.startsWith("::add-mask::"))
      .join("\n");
    for (const form of ["p@ss/wörd-9x", "p%40ss", Buffer.from("p@ss/wörd-9x").toString("base64")]) {
      expect(rest + step.summary + JSON.stringify(step.outputs)).not.toContain(form);
    }
    expect(rest).toContain("password is ***, url ***");
  });

  test("has no secret in outputs and summary either, which the runner would drop or publish", async () => {
    const { code, outputs, summary } = await end("leaky outputs", {
      inputs: { "database-url": "postgres://lena:correct-horse@db/shop" },
    });
    expect(code).toBe(0);
    expect(outputs["place"]).toBe("at ***");
    expect(summary).toBe("from ***\n");
  });
});
