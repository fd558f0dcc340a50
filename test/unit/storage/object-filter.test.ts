import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LifeboatError } from "../../../src/errors.ts";
import { globMatcher, objectFilter } from "../../../src/storage/object-filter.ts";
import { isWorthSqueezing } from "../../../src/storage/squeezing.ts";
import { anyObject } from "./names.ts";

describe("a glob", () => {
  test.each([
    ["photos/**", "photos/a", true],
    ["photos/**", "photos/a/b//c/", true],
    ["photos/**", "photos/", true],
    ["photos/**", "photos2/a", false],
    ["photos/*", "photos/a", true],
    ["photos/*", "photos/a/b", false],
    ["photos/*.jpg", "photos/.jpg", true],
    ["photos/*.jpg", "photos/a.JPG", false],
    ["*/a", "photos/a", true],
    ["*/a", "photos/b/a", false],
    ["**/a", "photos/b/a", true],
    ["**/a", "photos/ba", false],
    ["photos/**/b", "photos/b", true],
    ["photos/**/b", "photos/a/b", true],
    ["photos/**/b", "photos//b", true],
    ["photos/**/b", "photos/ab", false],
    ["photos/a**/b", "photos/ax/y/b", true],
    ["photos/a**/b", "photos/ab", false],
    ["photos/**b", "photos/x/yb", true],
    ["photos/?", "photos/😀", true],
    ["photos/?", "photos//", false],
    ["photos/?", "photos/ab", false],
    ["photos//*", "photos//lead", true],
    ["photos//*", "photos/lead", false],
    ["photos/*/", "photos/trail/", true],
    ["photos/a[b]{c,d}+(e).!x", "photos/a[b]{c,d}+(e).!x", true],
    ["photos/[ab]", "photos/a", false],
    ["photos/what\\?", "photos/what?", true],
    ["photos/what\\?", "photos/whatx", false],
    ["photos/\\*\\\\x", "photos/*\\x", true],
    ["photos/a\\b", "photos/a\\b", true],
    ["**", "photos/line\nbreak", true],
    ["photos/x", "photos/x\n", false],
  ])("%j and %j: %s", (glob, path, expected) => expect(globMatcher(glob)(path)).toBe(expected));

  /** The same in the plainest way: every split of the text. */
  function naive(glob: readonly string[], text: readonly string[], atStart = true): boolean {
    const [head, ...rest] = glob;
    if (head === undefined) return text.length === 0;
    const splits = text.map((_, at) => at).concat(text.length);
    const continues = (at: number): boolean => naive(rest, text.slice(at), head === "**/" || head === "/");
    if (head === "**/" && atStart) {
      return splits.some((at) => (at === 0 || text[at - 1] === "/") && continues(at));
    }
    if (head === "**/") return naive(["**", "/", ...rest], text, false);
    if (head === "**") return splits.some(continues);
    if (head === "*") return splits.some((at) => !text.slice(0, at).includes("/") && continues(at));
    if (text[0] === undefined) return false;
    return (head === "?" ? text[0] !== "/" : text[0] === head) && continues(1);
  }

  test("matches what trying every split of the text matches", () => {
    const parts = fc
      .array(fc.constantFrom("**/", "**", "*", "?", "/", "a", "b", "😀"), { minLength: 1, maxLength: 7 })
      // Stars that touch are read as one word.
      .filter((all) => all.every((part, at) => !(part.startsWith("*") && /\*$/.test(all[at - 1] ?? ""))))
      .filter((all) => all.every((part, at) => !(part === "/" && all[at - 1] === "**")));
    const text = fc.array(fc.constantFrom("/", "a", "b", "😀"), { maxLength: 8 });
    fc.assert(
      fc.property(parts, text, (glob, characters) => {
        expect(globMatcher(glob.join(""))(characters.join(""))).toBe(naive(glob, characters));
      }),
      { numRuns: 20_000 },
    );
  });

  test("of its own text, escaped, matches that object and no other", () => {
    fc.assert(
      fc.property(anyObject, anyObject, (one, other) => {
        const glob = `${one.bucket}/${one.name}`.replaceAll(/[*?\\]/g, "\\$&");
        const matches = globMatcher(glob);
        const path = `${other.bucket}/${other.name}`;
        expect(matches(`${one.bucket}/${one.name}`)).toBe(true);
        expect(matches(path)).toBe(path === `${one.bucket}/${one.name}`);
      }),
      { numRuns: 2000 },
    );
  });

  test("takes no longer than its length times the text's, whatever both are", () => {
    const matches = globMatcher(`${"*a**/".repeat(30)}x`);
    expect(matches(`${"a/".repeat(500)}a`)).toBe(false);
  });
});

describe("a choice of objects", () => {
  const object = { bucket: "photos", name: "2026/a.jpg" };

  test.each([
    [{}, true],
    [{ buckets: ["photos"] }, true],
    [{ buckets: ["other"] }, false],
    [{ include: ["photos/**"] }, true],
    [{ include: ["other/**", "*/2026/*"] }, true],
    [{ include: ["other/**"] }, false],
    [{ exclude: ["**/*.jpg"] }, false],
    [{ include: ["photos/**"], exclude: ["photos/2025/**"] }, true],
    [{ include: ["photos/**"], exclude: ["photos/2026/**"] }, false],
    [{ buckets: ["other"], include: ["photos/**"] }, false],
  ])("%j wants it: %s", (choice, expected) => expect(objectFilter(choice).wants(object)).toBe(expected));

  test("knows which buckets need not be listed", () => {
    expect(objectFilter({}).wantsBucket("photos")).toBe(true);
    expect(objectFilter({ buckets: ["a"] }).wantsBucket("photos")).toBe(false);
  });

  test("that can match nothing is refused, with all its problems", () => {
    const given = { buckets: [""], include: ["", "photos", "/lead"], exclude: ["*", "a\\**", "fine/**"] };
    const error = (() => {
      try {
        objectFilter(given);
      } catch (thrown) {
        return thrown as LifeboatError;
      }
      throw new Error("It was taken.");
    })();
    expect(error.code).toBe("input-invalid");
    expect(error.message.split(";")).toHaveLength(6);
    expect(error.message).toContain("an include glob is empty");
    expect(error.message).toContain('"photos" has no slash');
    expect(error.message).toContain('"/lead" begins with a slash');
  });
});

describe("compressing", () => {
  test.each([
    ["a.jpg", "image/jpeg", false],
    ["a.svg", "image/svg+xml; charset=utf-8", true],
    ["a.mp4", "VIDEO/mp4", false],
    ["a.json", "application/json", true],
    ["a.jpg", "text/plain", true],
    ["a.zip", "application/octet-stream", false],
    ["a.ZIP", undefined, false],
    ["a.csv", undefined, true],
    ["zip", undefined, true],
    ["a.zip/b", undefined, true],
    ["a.wav", "audio/wav", true],
    ["a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", false],
  ])("%s of type %s is worth a try: %s", (name, contentType, expected) => {
    expect(isWorthSqueezing({ name, ...(contentType !== undefined && { contentType }) })).toBe(expected);
  });
});
