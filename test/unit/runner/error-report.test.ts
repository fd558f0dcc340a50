import { expect, test } from "vitest";
import { asLifeboatError, LifeboatError } from "../../../src/errors.ts";
import { reportError } from "../../../src/runner/error-report.ts";

const lost = Object.assign(new Error("read ECONNRESET from db.inside"), { code: "ECONNRESET" });

test("tells the whole chain of causes, outermost first", () => {
  const read = new LifeboatError("store-read-failed", "The store broke off.", { cause: lost });
  const error = new LifeboatError("store-temporary", "Five tries failed.", { cause: read, hint: "Wait." });
  expect(reportError(error, "names")).toEqual({
    code: "store-temporary",
    sentence: "Five tries failed.",
    hint: "Wait.",
    details: [
      "Cause: [store-read-failed] The store broke off.",
      "Cause: Error ECONNRESET: read ECONNRESET from db.inside",
    ],
  });
});

test("withholds what strangers said where everybody reads along, but not their code", () => {
  const { details } = reportError(
    new LifeboatError("store-temporary", "Failed.", { cause: lost }),
    "numbers",
  );
  expect(details).toHaveLength(1);
  expect(details[0]).toContain("Error ECONNRESET (its words are withheld");
  expect(details.join()).not.toContain("inside");
});

test("unrolls an aggregate", () => {
  const cause = new AggregateError([lost, "a text"], "all failed");
  const { details } = reportError(new LifeboatError("store-temporary", "Failed.", { cause }), "names");
  expect(details).toEqual([
    "Cause: AggregateError: all failed",
    "Cause: Error ECONNRESET: read ECONNRESET from db.inside",
    'Cause: "a text"',
  ]);
});

test("shows where in the program only for a defect of ours", () => {
  const defect = reportError(asLifeboatError(new TypeError("inside is undefined")), "numbers");
  expect(defect.sentence).toContain("TypeError");
  expect(defect.details.some((line) => line.trim().startsWith("at "))).toBe(true);
  expect(JSON.stringify(defect)).not.toContain("inside is undefined");
  expect(reportError(asLifeboatError(new TypeError("x is undefined")), "names").sentence).toContain(
    "x is undefined",
  );
});

test("withholds a thrown text too", () => {
  expect(JSON.stringify(reportError(asLifeboatError("table inside"), "numbers"))).not.toContain("inside");
});

test("ends with causes that lead back to themselves", () => {
  const error = new Error("round");
  error.cause = error;
  const { details } = reportError(new LifeboatError("store-temporary", "Failed.", { cause: error }), "names");
  expect(details.at(-1)).toBe("… and deeper causes");
});

test("shows what may name tables only where names may be shown, also of a cause", () => {
  const cause = new LifeboatError("dump-failed", "pg_dump ended with exit code 1.", {
    inside: "pg_dump: error: permission denied for patients",
  });
  const error = new LifeboatError("store-temporary", "Failed.", { cause, inside: "table patients" });
  expect(reportError(error, "names").details).toEqual([
    "table patients",
    "Cause: [dump-failed] pg_dump ended with exit code 1.",
    "pg_dump: error: permission denied for patients",
  ]);
  expect(JSON.stringify(reportError(error, "numbers"))).not.toContain("patients");
});

test("says a sentence with names, and its hint, only where names may be shown", () => {
  const error = new LifeboatError("restore-selection", 'The snapshot has no table "patient".', {
    hint: 'Did you mean "patients"?',
    publicSentence: "The snapshot has no table of a name that was chosen.",
  });
  expect(reportError(error, "names")).toMatchObject({ sentence: error.message, hint: error.hint });
  const outer = new LifeboatError("store-temporary", "Failed.", { cause: error });
  for (const publicly of [reportError(error, "numbers"), reportError(outer, "numbers")]) {
    expect(JSON.stringify(publicly)).not.toContain("patient");
    expect(JSON.stringify(publicly)).toContain("of a name that was chosen");
  }
});
