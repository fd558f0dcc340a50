import { expect, test } from "vitest";
import { roleSide } from "../../../src/postgres/membership.ts";
import { compareMemberships, planMemberships } from "../../../src/postgres/plan-memberships.ts";

const row = (role: string, member: string, options = "is", grantor: string | null = "first") => ({
  role,
  member,
  grantor,
  admin: options.includes("a"),
  inherit: options.includes("i"),
  set: options.includes("s"),
});
const role = (name: string, attributes = "") => ({ name, attributes });

test("before 16 nothing is granted that would give more, and each is named", () => {
  const backup = roleSide(
    17,
    ["g", "m", "n", "c"].map((name) => role(name, name === "n" ? "NOINHERIT" : "")),
    {
      firstRole: "first",
      memberships: [row("g", "m", "i"), row("c", "m", "s"), row("g", "n", "is"), row("c", "n", "s")],
    },
  );
  const target = roleSide(15, [role("boss", "SUPERUSER LOGIN")], { firstRole: "boss", memberships: [] });
  const { grants, findings } = planMemberships({ backup, target, created: new Set(["g", "m", "n", "c"]) });
  expect(grants.map(({ statement }) => statement)).toEqual([
    'grant "g" to "n" granted by "boss"',
    'grant "c" to "n" granted by "boss"',
  ]);
  expect(findings.map(({ code }) => code)).toEqual([
    "membership-not-restored",
    "membership-not-restored",
    "membership-differs",
  ]);
});

test("a grantor comes after the grant that lets it grant; one that may not, or is gone, is named", () => {
  const backup = roleSide(
    17,
    ["g", "a", "b", "c"].map((name) => role(name)),
    {
      firstRole: "first",
      memberships: [row("g", "b", "is", "a"), row("g", "c", "is", "gone"), row("g", "a", "a")],
    },
  );
  const target = roleSide(17, [role("boss", "SUPERUSER")], { firstRole: "boss", memberships: [] });
  const plan = planMemberships({ backup, target, created: new Set(["g", "a", "b", "c"]) });
  expect(plan.grants.map(({ statement }) => statement)).toEqual([
    'grant "g" to "a" with admin true, inherit false, set false granted by "boss"',
    'grant "g" to "b" with admin false, inherit true, set true granted by "a"',
    'grant "g" to "c" with admin false, inherit true, set true',
  ]);
  expect(plan.findings.map(({ code }) => code)).toEqual(["grantor-differs"]);
});

test("a role that may do more here than at the source is given to nobody", () => {
  const backup = roleSide(17, [role("owner", "LOGIN"), role("app")], {
    firstRole: "first",
    memberships: [row("owner", "app")],
  });
  for (const [roles, memberships] of [
    [[role("owner", "SUPERUSER")], []],
    [[role("owner"), role("root", "SUPERUSER")], [row("root", "owner")]],
    [[role("owner")], [row("pg_execute_server_program", "owner")]],
  ] as [ReturnType<typeof role>[], ReturnType<typeof row>[]][]) {
    const target = roleSide(17, roles, { firstRole: "boss", memberships });
    const { grants, findings } = planMemberships({ backup, target, created: new Set(["app"]) });
    expect(grants).toEqual([]);
    expect(findings[0]?.sentence).toMatch(/may do more here.*The command: grant "owner" to "app"/);
  }
});

test("between roles that exist each difference is told with its direction", () => {
  const roles = ["a", "b", "c"].map((name) => role(name));
  const backup = roleSide(17, roles, { firstRole: "f", memberships: [row("a", "b", "s"), row("b", "c")] });
  const target = roleSide(17, roles, { firstRole: "f", memberships: [row("a", "b", "is"), row("a", "c")] });
  expect(
    compareMemberships({ backup, target, created: new Set() }).map(
      ({ sentence }) => sentence.split(". The")[0],
    ),
  ).toEqual([
    '"b"\'s membership in "a" has inherit here and not in the backup (wider here)',
    '"c"\'s membership in "b" is in the backup and not here (narrower here)',
    '"c"\'s membership in "a" is here and not in the backup (wider here)',
  ]);
});
