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
