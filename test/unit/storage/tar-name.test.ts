import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeTarName, encodeTarName } from "../../../src/storage/tar-name.ts";
import { anyObject } from "./names.ts";

describe("the name of a tar entry", () => {
  test.each([
    ["photos", "a/b.jpg", "photos/a/b.jpg"],
    ["photos", "/lead", "photos/%2Flead"],
    ["photos", "trail/", "photos/trail%2F"],
    ["photos", "a//b", "photos/a/%2Fb"],
    ["photos", "a///b//", "photos/a/%2F%2Fb/%2F"],
    ["photos", "/", "photos/%2F"],
    ["photos", "//", "photos/%2F%2F"],
    ["photos", "../../x", "photos/%2E%2E/%2E%2E/x"],
    ["..", ".", "%2E%2E/%2E"],
    ["photos", "...", "photos/..."],
    ["photos", "50%/a\\b\0c\n?&+ é", "photos/50%25/a%5Cb%00c%0A?&+ é"],
  ])("of %j %j is %j", (bucket, name, expected) => {
    expect(encodeTarName({ bucket, name })).toBe(expected);
    expect(decodeTarName(expected)).toEqual({ bucket, name });
  });

  test("is decodable, relative, free of empty and climbing segments, NUL and backslash, for every name", () => {
    fc.assert(
      fc.property(anyObject, (object) => {
        const encoded = encodeTarName(object);
        expect(decodeTarName(encoded)).toEqual(object);
        expect(decodeURIComponent(encoded)).toBe(`${object.bucket}/${object.name}`);
        for (const segment of encoded.split("/")) expect(["", ".", ".."]).not.toContain(segment);
        expect(encoded).not.toMatch(/[\\\u0000-\u001f\u007f]/);
      }),
      { numRuns: 2000 },
    );
  });

  test("is another one for every other object", () => {
    const short = fc.string({ unit: fc.constantFrom("/", ".", "%", "2", "F"), minLength: 1, maxLength: 4 });
    const pair = fc.tuple(
      fc.record({ bucket: short, name: short }),
      fc.record({ bucket: short, name: short }),
    );
    fc.assert(
      fc.property(pair, ([one, other]) => {
        const same = one.bucket === other.bucket && one.name === other.name;
        expect(encodeTarName(one) === encodeTarName(other)).toBe(same);
      }),
      { numRuns: 5000 },
    );
  });

  test.each(["", "photos", "photos/", "photos/a/../b", "/photos/a", "photos//a", "photos/%2f", "photos/%E9"])(
    "is never %j",
    (text) => expect(decodeTarName(text)).toBeUndefined(),
  );

  test("is refused for what UTF-8 cannot write", () => {
    expect(() => encodeTarName({ bucket: "photos", name: "\ud800" })).toThrow(
      expect.objectContaining({ code: "object-name-unusable" }),
    );
    expect(() => encodeTarName({ bucket: "photos", name: "" })).toThrow("UTF-8");
  });
});
