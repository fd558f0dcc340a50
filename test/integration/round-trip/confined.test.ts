/** In a throwaway server no superuser restores what a backup holds, and honest backups come back all the same. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadNastyDatabase, nastyPasswords } from "../../support/nasty-database.ts";
import { majorsWithClients } from "../../support/servers.ts";
import { sharedServer } from "../../support/shared-server.ts";
import {
  backUp,
  complaints,
  connectionTo,
  newSafe,
  type Safe,
  verifyThrownAway,
} from "../backup/backing-up.ts";

const owners = [
  { who: "the superuser", name: "confined of 'Ünï' \"x\"", login: undefined },
  {
    who: "an owner without superuser",
    name: "confined owned",
    login: { user: "nasty_owner", password: nastyPasswords.nasty_owner },
  },
] as const;
const cases = (await majorsWithClients([15, 17])).flatMap((major) =>
  owners.map((owner) => ({ major, ...owner })),
);

describe.each(cases)("PostgreSQL $major as $who", ({ major, name, login }) => {
  let safe: Safe;
  beforeAll(async () => {
    safe = await newSafe();
  });
  afterAll(() => safe[Symbol.asyncDispose]());

  test("a drill's check of a throwaway server finds every component equal", async () => {
    const server = await sharedServer(major);
    await loadNastyDatabase(server, name, { superuser: login === undefined });
    if (login !== undefined) await server.sql(name, "alter table app.pets owner to nasty_owner");
    const { snapshot } = await backUp(safe, connectionTo(server, name, login));
    const report = await verifyThrownAway(safe, snapshot.id, {
      drill: {},
      // Foreign rows and an extension's own are in no backup.
      waive: ["not-backed-up"],
      checks: [{ name: "reads", sql: "select count(*) >= 0 from app.pets", expect: "true" }],
    });
    expect(complaints(report)).toEqual([]);
    expect(report.verdict).toBe("passed");
  });
});
