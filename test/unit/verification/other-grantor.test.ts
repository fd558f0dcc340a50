import { expect, test } from "vitest";
import { differsByGrantor } from "../../../src/verification/other-grantor.ts";

const ordinary = new Set(["owner", "app", "of us"]);
const differs = (expected: string, found: string): boolean => differsByGrantor(expected, found, ordinary);

test("rights that a superuser gave are the owner's to have given, one by one or together", () => {
  expect(differs("app=r/postgres", "app=r/owner")).toBe(true);
  expect(differs("app=r/owner,app=w*/postgres,owner=arw/owner", "app=rw*/owner,owner=arw/owner")).toBe(true);
  expect(differs('"of us"=r/postgres,=r/postgres', '=r/owner,"of us"=r/owner')).toBe(true);
});

test("what is more, less or passed on differs, and so does an ordinary grantor", () => {
  expect(differs("app=r/postgres", "app=rw/owner")).toBe(false);
  expect(differs("app=r/postgres", "app=r*/owner")).toBe(false);
  expect(differs("app=rw/postgres", "app=r/owner")).toBe(false);
  expect(differs('app=r/"of us"', "app=r/owner")).toBe(false);
});
