/**
 * A sandbox's folder on the machine. The outer one is ours alone (mode 0700); `inside` belongs to whoever runs isolated,
 * and is all of the disk that it can write. Through both we reach a socket that lies inside, and nobody else does.
 */
import { chmod, chown, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runTool } from "../process.ts";
import { type Account, foreignAccount } from "./account.ts";
import type { Isolation } from "./way.ts";
import { systemCallFilter } from "./seccomp.ts";

export interface Room {
  readonly folder: string;
  /** As the machine knows it. */
  readonly inside: string;
  readonly account: Account;
}

/** How `inside` is called there. */
export const insideName = "/sandbox";

/** Furnishes an empty folder of ours. */
export async function prepareRoom({ way }: Isolation, folder: string): Promise<Room> {
  const account = await foreignAccount();
  const { uid, gid } = account;
  const inside = join(folder, "inside");
  await mkdir(inside);
  await chmod(inside, 0o711);
  if (way === "root") await chown(inside, uid, gid);
  if (way === "sudo") {
    await runTool({ program: "sudo", args: ["-n", "chown", "--no-dereference", `${uid}:${gid}`, inside] });
  }
  const passwd = `lifeboat:x:${uid}:${gid}::${insideName}:/bin/sh\n`;
  await writeFile(join(folder, "passwd"), passwd, { mode: 0o644 });
  await writeFile(join(folder, "group"), `lifeboat:x:${gid}:\n`, { mode: 0o644 });
  await writeFile(join(folder, "filter"), systemCallFilter(process.arch) ?? "");
  return { folder, inside, account };
}
