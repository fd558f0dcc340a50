/** What others throw where it can be foreseen never ends as `unexpected`, and none of its words are repeated. */
import { expect, test } from "vitest";
import { asLifeboatError } from "../../src/errors.ts";

const named = (fields: object, message = "of patients"): Error => Object.assign(new Error(message), fields);

test.each([
  ["a socket that was reset", named({ code: "ECONNRESET" }), "connection-lost"],
  ["a pipe without a reader", named({ code: "EPIPE" }), "connection-lost"],
  ["a session that is gone", new Error("Connection terminated unexpectedly"), "connection-lost"],
  [
    "a query after that",
    new Error("Client has encountered a connection error and is not queryable"),
    "connection-lost",
  ],
  ["a server that goes down", named({ code: "57P01", severity: "FATAL" }), "connection-lost"],
  ["a session that was idle for too long", named({ code: "57P05", severity: "FATAL" }), "connection-lost"],
  ["a right that is missing", named({ code: "42501", severity: "ERROR" }), "database-statement-failed"],
  ["a damaged page", named({ code: "XX001", severity: "ERROR" }), "database-statement-failed"],
  ["a full disk", named({ code: "ENOSPC" }), "machine-refused"],
  ["a name that is too long", named({ code: "ENAMETOOLONG" }), "machine-refused"],
  ["a folder that may not be read", named({ code: "EACCES" }), "machine-refused"],
])("%s", (_, thrown, code) => {
  const error = asLifeboatError(thrown);
  expect(error).toMatchObject({ code, cause: thrown });
  expect(error.message).not.toContain("patients");
});

test.each([
  ["a defect", new TypeError("x is not a function")],
  ["a code that only looks like a server's", named({ code: "42P01" })],
  ["what is no error", "text"],
])("%s stays unexpected", (_, thrown) => {
  expect(asLifeboatError(thrown).code).toBe("unexpected");
});
