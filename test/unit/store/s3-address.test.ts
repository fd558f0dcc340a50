import { describe, expect, it } from "vitest";
import { LifeboatError } from "../../../src/errors.ts";
import { parseStoreAddress } from "../../../src/store/open-store.ts";
import { formatS3Address, parseS3Address } from "../../../src/store/s3-address.ts";

describe("the address of an S3 store", () => {
  const good = [
    ["s3://kn-backups", { bucket: "kn-backups", prefix: "", pathStyle: false }],
    ["s3://kn-backups/", { bucket: "kn-backups", prefix: "", pathStyle: false }],
    ["s3://kn-backups/a/b.c/", { bucket: "kn-backups", prefix: "a/b.c", pathStyle: false }],
    [
      "s3://kn-backups/shop?region=eu-central-1&lock=compliance&storage-class=STANDARD_IA",
      {
        bucket: "kn-backups",
        prefix: "shop",
        pathStyle: false,
        region: "eu-central-1",
        lock: "compliance",
        storageClass: "STANDARD_IA",
      },
    ],
    [
      "s3://kn-backups?endpoint=https://minio.example.org:9000",
      { bucket: "kn-backups", prefix: "", pathStyle: true, endpoint: "https://minio.example.org:9000" },
    ],
    [
      "s3://kn-backups?endpoint=https%3A%2F%2Fs3.example.org&path-style=false&part-size=64",
      {
        bucket: "kn-backups",
        prefix: "",
        pathStyle: false,
        endpoint: "https://s3.example.org",
        partBytes: 64 * 1024 * 1024,
      },
    ],
  ] as const;
  for (const [text, address] of good) {
    it(`reads ${text}, and reads again what it shows`, () => {
      expect(parseStoreAddress(text)).toEqual({ kind: "s3", ...address });
      expect(parseS3Address(formatS3Address(parseS3Address(text)))).toEqual(address);
    });
  }

  const bad = [
    ["s3:kn-backups", "s3://kn-backups"],
    ["s3:///kn-backups", "s3://kn-backups"],
    ["s3://", "bucket is missing"],
    ["s3://KN_backups", "not a bucket's name"],
    ["s3://ab", "not a bucket's name"],
    ["s3://arn:aws:s3:eu-west-1:1:accesspoint/x", "name the bucket"],
    ["s3://kn-backups/a//b", "empty folder"],
    ["s3://kn-backups/../b", "cannot be part of a prefix"],
    ["s3://kn-backups/a b", "cannot be part of a prefix"],
    ["s3://kn-backups#x", '"#"'],
    ["s3://kn-backups?regoin=eu-west-1", 'no option "regoin"'],
    ["s3://kn-backups?region=", "is empty"],
    ["s3://kn-backups?region=eu-west-1&region=eu-west-2", "twice"],
    ["s3://kn-backups?region=Frankfurt!", "not a region"],
    ["s3://kn-backups?endpoint=minio:9000", "not an endpoint"],
    ["s3://kn-backups?endpoint=https://host/bucket", "only the server: https://host"],
    ["s3://kn-backups?path-style=yes", "true or false"],
    ["s3://kn-backups?lock=forever", "governance or compliance"],
    ["s3://kn-backups?storage-class=DEEP_ARCHIVE", "cannot be read at once"],
    ["s3://kn-backups?storage-class=cold", "not a storage class"],
    ["s3://kn-backups?part-size=4", "from 5 to 1024"],
  ] as const;
  for (const [text, words] of bad) {
    it(`refuses ${text} with the cure`, () => {
      const refused = (): unknown => parseStoreAddress(text);
      expect(refused).toThrow(LifeboatError);
      expect(refused).toThrow(words);
    });
  }

  it.each([
    "s3://AKIAEXAMPLE:canary-secret@kn-backups/x",
    "s3://kn-backups?secret-access-key=canary-secret",
    "s3://kn-backups?endpoint=https://user:canary-secret@host",
  ])("refuses keys in an address without repeating them: %s", (text) => {
    expect(() => parseStoreAddress(text)).toThrow("Keys do not belong into an address");
    expect(() => parseStoreAddress(text)).not.toThrow("canary");
  });
});
