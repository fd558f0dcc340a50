/** Arbitrary keys: names as they come, and names full of what is special to paths, tar and globs. */
import fc from "fast-check";

const special = [
  "/",
  "//",
  ".",
  "..",
  "%",
  "%2F",
  "%2e",
  "\\",
  "\0",
  "\n",
  "a",
  "b",
  "é",
  "😀",
  " ",
  "?",
  "*",
];

export const anyName = fc.oneof(
  fc.string({ unit: "binary", minLength: 1, maxLength: 40 }).filter((text) => text.isWellFormed()),
  fc.string({ unit: fc.constantFrom(...special), minLength: 1, maxLength: 12 }),
);

export const anyObject = fc.record({ bucket: anyName, name: anyName });
