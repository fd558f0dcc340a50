/** Which isolation this machine has, found out by running something in it: versions and settings only hint at that. */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { exitedWell, runTool } from "../process.ts";
import { sandboxCommand } from "./bubblewrap.ts";
import { removeRoom } from "./leftovers.ts";
import { usualLimits } from "./limits.ts";
import { prepareRoom } from "./room.ts";
import { runToEnd } from "./run.ts";
import type { Isolation, NoIsolation, Way } from "./way.ts";

const places = ["/usr/bin/bwrap", "/bin/bwrap", "/usr/local/bin/bwrap", "/run/current-system/sw/bin/bwrap"];
const companions = ["prlimit", "setpriv"];

export function bubblewrapPath(): string | undefined {
  return places.find((path) => existsSync(path));
}

/** The first way that works; `folder` is where the attempt may put a folder for an instant. */
export async function findIsolation(folder: string): Promise<Isolation | NoIsolation> {
  if (process.platform !== "linux") {
    return { missing: "Isolation needs Linux.", cure: "Run this check on Linux." };
  }
  const bubblewrap = bubblewrapPath();
  if (bubblewrap === undefined) {
    return {
      missing: "The program bubblewrap (`bwrap`), which isolates it, is not installed.",
      cure: "Run `sudo apt-get install -y bubblewrap`, or install it with your package manager.",
    };
  }
  if (!companions.every((name) => ["/usr/bin", "/bin"].some((place) => existsSync(join(place, name))))) {
    return {
      missing: "The programs setpriv and prlimit, which isolate it, are not both installed.",
      cure: "Run `sudo apt-get install -y util-linux`, or install util-linux with your package manager.",
    };
  }
  for (const way of await waysToTry()) {
    if (await works({ way, bubblewrap }, folder)) return { way, bubblewrap };
  }
  return process.getuid?.() === 0 ? notEvenRoot : notAllowed;
}

const notEvenRoot: NoIsolation = {
  missing: "bubblewrap cannot make namespaces here, although this runs as root: a container forbids it.",
  cure: "Run the job on the machine itself, or start its container with `options: --privileged`.",
};

const notAllowed: NoIsolation = {
  missing: "bubblewrap may not make user namespaces here, and `sudo` asks for a password.",
  cure:
    "Run as root, allow `sudo` without a password, or allow user namespaces: " +
    "`sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` on Ubuntu, " +
    "`sudo sysctl -w user.max_user_namespaces=10000` elsewhere.",
};

async function waysToTry(): Promise<readonly Way[]> {
  if (process.getuid?.() === 0) return ["root"];
  const maySudo = await runTool({ program: "sudo", args: ["-n", "true"] }).then(
    () => true,
    () => false,
  );
  return maySudo ? ["sudo", "user"] : ["user"];
}

/** Its own account, no sight of us, and an end: all that the rest relies on. */
async function works(isolation: Isolation, parent: string): Promise<boolean> {
  const folder = join(parent, `lb-probe-${randomBytes(6).toString("hex")}`);
  await mkdir(folder, { mode: 0o700 });
  try {
    const room = await prepareRoom(isolation, folder);
    const looking = `test "$(id -u)" = ${room.account.uid} && test ! -e /proc/${process.pid}/environ && : >here`;
    const command = sandboxCommand(isolation, room, {
      program: "/bin/sh",
      args: ["-c", looking],
      limits: { ...usualLimits(), milliseconds: 30_000 },
    });
    return exitedWell((await runToEnd(command, { milliseconds: 30_000 })).exit);
  } catch {
    return false;
  } finally {
    await removeRoom(folder);
  }
}
