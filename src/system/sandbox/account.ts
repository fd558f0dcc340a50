/** Whom isolated programs run as: an account that nobody on the machine has, so that nothing on it is theirs. */
import { randomInt } from "node:crypto";
import { readFile } from "node:fs/promises";

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** systemd's range for users that exist only while a service runs: no package and no administrator gives these out. */
const [firstId, lastId] = [61_184, 65_519];

/** Another one each time: two servers at once cannot reach each other either, and each has its own limit of processes. */
export async function foreignAccount(): Promise<Account> {
  const taken = new Set([...(await idsOf("/etc/passwd")), ...(await idsOf("/etc/group"))]);
  let id: number;
  do id = randomInt(firstId, lastId + 1);
  while (taken.has(id));
  return { uid: id, gid: id };
}

/** Third field of each line: user ids of passwd, group ids of group. */
async function idsOf(file: string): Promise<readonly number[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text.split("\n").map((line) => Number(line.split(":")[2]));
}
