import { expect, test } from "vitest";
import { lockModeFor, mayLock, storageClassFor } from "../../../src/store/s3-by-tier.ts";

test("of several tiers the strictest lock counts", () => {
  const setting = { daily: "none", monthly: "governance", yearly: "compliance" } as const;
  expect(lockModeFor(setting, ["daily"])).toBeUndefined();
  expect(lockModeFor(setting, ["hourly", "daily", "monthly"])).toBe("governance");
  expect(lockModeFor(setting, ["monthly", "yearly"])).toBe("compliance");
  expect(lockModeFor({ hourly: "compliance", yearly: "governance" }, ["hourly", "yearly"])).toBe(
    "compliance",
  );
});

test("what belongs to no snapshot is locked only where everything is", () => {
  expect(lockModeFor({ yearly: "compliance" })).toBeUndefined();
  expect(lockModeFor("governance")).toBe("governance");
  expect(lockModeFor(undefined, ["yearly"])).toBeUndefined();
  expect([{ yearly: "governance" } as const, "compliance" as const].map(mayLock)).toEqual([true, true]);
  expect([{ yearly: "none" } as const, {}, undefined].map(mayLock)).toEqual([false, false, false]);
});

test("of several tiers the longest that has a storage class decides", () => {
  const setting = { daily: "STANDARD_IA", monthly: "GLACIER_IR" };
  expect(storageClassFor(setting, ["hourly"])).toBeUndefined();
  expect(storageClassFor(setting, ["hourly", "daily"])).toBe("STANDARD_IA");
  expect(storageClassFor(setting, ["daily", "monthly", "yearly"])).toBe("GLACIER_IR");
  expect(storageClassFor("STANDARD_IA")).toBe("STANDARD_IA");
  expect(storageClassFor(setting)).toBeUndefined();
});
