import { describe, expect, it } from "vitest";
import { LifeboatError } from "../../../src/errors.ts";
import { openStore, parseStoreAddress } from "../../../src/store/open-store.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";

describe("parseStoreAddress", () => {
  const good = [
    ["file:///srv/backups", { kind: "directory", path: "/srv/backups" }],
    ["file:///srv/backups/", { kind: "directory", path: "/srv/backups" }],
    ["file:///", { kind: "directory", path: "/" }],
    ["file:///srv/my%20backups", { kind: "directory", path: "/srv/my backups" }],
    ["file:///srv/my backups", { kind: "directory", path: "/srv/my backups" }],
    [" artifacts: ", { kind: "artifacts" }],
    ["artifacts:acme/shop.api", { kind: "artifacts", repository: { owner: "acme", name: "shop.api" } }],
  ] as const;
  for (const [text, address] of good) {
    it(`reads ${JSON.stringify(text)}`, () => {
      expect(parseStoreAddress(text)).toEqual(address);
    });
  }

  const bad = [
    ["s3:bucket/prefix", "s3://bucket/prefix"],
    ["/srv/backups", "file:///srv/backups"],
    ["file://srv/backups", "file:///srv/backups"],
    ["file:/srv/backups", "file:///srv/backups"],
    ["file:////srv/backups", "file:///srv/backups"],
    ["file:backups", "file:///backups"],
    ["file:///srv/a?b", "%3F"],
    ["file:///srv/%00", "cannot be read"],
    ["./backups", "is not the address"],
    ["backups", "is not the address"],
    ["", "is not the address"],
    ["artifacts", '"artifacts:"'],
    ["artifacts:acme", "artifacts:owner/repo"],
    ["artifacts://acme/shop", "artifacts:owner/repo"],
    ["artifacts:acme/..", "artifacts:owner/repo"],
    ["artifacts:acme/shop/tree", "artifacts:owner/repo"],
  ] as const;
  for (const [text, cure] of bad) {
    it(`refuses ${JSON.stringify(text)} and shows the right spelling`, () => {
      const refused = (): unknown => parseStoreAddress(text);
      expect(refused).toThrow(LifeboatError);
      expect(refused).toThrow(cure);
    });
  }
});

describe("openStore", () => {
  const surroundings = { clock: systemClock, logger: silentLogger };
  const github = { token: "t" };
  const run = { id: 1, temporaryFolder: "/tmp", repository: { owner: "acme", name: "shop" } };

  it("opens what the address names", () => {
    expect(openStore("file:///srv/my backups", surroundings).address).toBe("file:///srv/my%20backups");
    expect(openStore("artifacts:", { ...surroundings, github: { ...github, run } }).address).toBe(
      "artifacts:",
    );
    const other = openStore("artifacts:acme/other", { ...surroundings, github: { ...github, run } });
    expect(other.address).toBe("artifacts:acme/other");
  });

  it("says what artifacts need", () => {
    expect(() => openStore("artifacts:", { ...surroundings, github })).toThrow("artifacts:owner/repo");
    expect(() => openStore("artifacts:acme/shop", surroundings)).toThrow("token");
  });
});
