/** Where a throwaway server runs: isolated, or (where its contents are trusted) as an ordinary child of ours. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { realpathSync } from "node:fs";
import { chown, readFile, rm } from "node:fs/promises";
import { LifeboatError } from "../errors.ts";
import { childEnvironment } from "../system/environment.ts";
import { exitedWell, runTool, toolFailed } from "../system/process.ts";
import { type SandboxedProgram, sandboxCommand } from "../system/sandbox/bubblewrap.ts";
import type { Isolation } from "../system/sandbox/way.ts";
import { removeRoom } from "../system/sandbox/leftovers.ts";
import { type SandboxLimits, usualLimits } from "../system/sandbox/limits.ts";
import { insideName, prepareRoom } from "../system/sandbox/room.ts";
import { runToEnd, startSandboxed } from "../system/sandbox/run.ts";

export interface ThrowawayPlace {
  /** Folder of data and socket, as the server calls it. */
  readonly own: string;
  /** Folder of the socket, as we call it. */
  readonly socketFolder: string;
  /** Of the socket: who else may reach it is decided by the folders above. */
  readonly socketMode: string;
  /** Runs a program of the server's to its end; throws `tool-failed`. */
  run(program: string, args: readonly string[]): Promise<void>;
  /** Starts one that writes into the log, and dies with us. */
  start(program: string, args: readonly string[], log: number): Promise<ChildProcess>;
  /** Ends it at once; what is left of it goes when its folder is removed. */
  end(child: ChildProcess): void;
  remove(): Promise<void>;
}

const initialisingMs = 120_000;

/** In an empty folder of ours. */
export async function isolatedPlace(
  isolation: Isolation,
  folder: string,
  given: Partial<SandboxLimits> = {},
): Promise<ThrowawayPlace> {
  const room = await prepareRoom(isolation, folder);
  const limits = { ...usualLimits(), ...given };
  const command = (program: string, args: readonly string[]) => {
    const inside: SandboxedProgram = { program: realpathSync(program), args, limits };
    return sandboxCommand(isolation, room, inside);
  };
  return {
    own: insideName,
    socketFolder: room.inside,
    socketMode: "0777",
    run: async (program, args) => {
      const { exit } = await runToEnd(command(program, args), { milliseconds: initialisingMs });
      if (!exitedWell(exit)) throw toolFailed(program.split("/").at(-1) ?? program, exit);
    },
    start: async (program, args, log) => {
      const { child, exited } = await startSandboxed(command(program, args), log);
      const timer = setTimeout(() => child.stdin?.destroy(), limits.milliseconds).unref();
      void exited.then(() => clearTimeout(timer));
      return child;
    },
    end: (child) => {
      child.stdin?.destroy();
    },
    remove: () => removeRoom(folder),
  };
}

/**
 * PostgreSQL does not die with its parent, and a SIGKILL leaves nobody else to stop it: a background shell waits for
 * the end of our pipe, stops the server (which took over the shell's own pid) and removes what it held.
 */
const watchdog = `
trap '' HUP INT TERM
exec 3<&0
(
  while read -r line <&3; do :; done
  kill -QUIT $$ 2>/dev/null
  tries=0
  while [ -e "$LIFEBOAT_FOLDER/data/postmaster.pid" ] && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries+1)); done
  rm -rf "$LIFEBOAT_FOLDER"/*
) &
exec "$@" 3<&- </dev/null
`;

/** With our own rights, or those of `postgres` where we are root: only for contents whose author is trusted. */
export async function ordinaryPlace(folder: string): Promise<ThrowawayPlace> {
  const account = await unprivilegedAccount();
  if (account !== undefined) await chown(folder, account.uid, account.gid);
  return {
    own: folder,
    socketFolder: folder,
    socketMode: "0700",
    run: async (program, args) => {
      await runTool({ program, args, cwd: folder, ...account });
    },
    // In a session of its own: a Ctrl-C meant for us must not reach the server before we have ended our work with it.
    start: async (program, args, log) => {
      const child = spawn("/bin/sh", ["-c", watchdog, "lifeboat-watchdog", program, ...args], {
        env: childEnvironment({ LIFEBOAT_FOLDER: folder }),
        stdio: ["pipe", log, log],
        cwd: folder,
        detached: true,
        ...account,
      });
      child.stdin?.on("error", () => {});
      await once(child, "spawn");
      return child;
    },
    end: (child) => {
      child.kill("SIGQUIT");
      child.stdin?.destroy();
    },
    remove: () => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
  };
}

interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL refuses to run as root: an account for it, or undefined where we are not root. */
async function unprivilegedAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const passwd = await readFile("/etc/passwd", "utf8");
  for (const name of ["postgres", "nobody"]) {
    const fields = passwd
      .split("\n")
      .find((line) => line.startsWith(`${name}:`))
      ?.split(":");
    if (fields !== undefined) return { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  throw new LifeboatError("throwaway-server-failed", "PostgreSQL does not run as root.", {
    hint: "Add a user called postgres, or run as a user that is not root.",
  });
}
