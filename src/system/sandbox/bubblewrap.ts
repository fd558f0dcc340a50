/** The command that runs a program isolated: bubblewrap's namespaces and view, another account, limits. */
import { dirname } from "node:path";
import type { ToolCommand } from "../process.ts";
import type { Isolation } from "./way.ts";
import { limiting, type SandboxLimits } from "./limits.ts";
import { insideName, type Room } from "./room.ts";
import { systemCallFilter } from "./seccomp.ts";
import { filterDescriptor, supervised } from "./supervisor.ts";
import { programView, type Shown, systemView } from "./view.ts";

export interface SandboxedProgram {
  /** Absolute; its folder becomes visible. */
  readonly program: string;
  readonly args: readonly string[];
  /** Files of the machine and how they are called inside, read-only. */
  readonly readOnly?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly limits: SandboxLimits;
}

const namespaces = [
  ...["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"],
  ...["--hostname", "sandbox"],
];

/** To be started with a pipe as stdin, whose closing ends everything inside. */
export function sandboxCommand(
  { way, bubblewrap }: Isolation,
  room: Room,
  { program, args, readOnly = {}, environment = {}, limits }: SandboxedProgram,
): ToolCommand {
  const { uid, gid } = room.account;
  const scratch = ["--perms", "1777", "--size", String(limits.scratchBytes), "--tmpfs"];
  const variables = { PATH: "/usr/bin:/bin", HOME: insideName, LC_ALL: "C", TZ: "UTC", ...environment };
  const view = [
    ...systemView(),
    ...programView(program),
    ...["passwd", "group"].map((name): Shown => ["--ro-bind", `${room.folder}/${name}`, `/etc/${name}`]),
    ...Object.entries(readOnly).map(([from, to]): Shown => ["--ro-bind", from, to]),
  ];
  const command = supervised(room.folder, [
    ...[bubblewrap, ...namespaces, "--die-with-parent", "--new-session"],
    // As root we drop to the account ourselves; else a user namespace shows ours under its number.
    ...(way === "user"
      ? ["--unshare-user", "--uid", String(uid), "--gid", String(gid)]
      : [
          "--cap-drop",
          "ALL",
          ...["SETUID", "SETGID", "SETPCAP"].flatMap((cap) => ["--cap-add", `CAP_${cap}`]),
        ]),
    ...["--proc", "/proc", "--dev", "/dev", ...scratch, "/tmp", ...scratch, "/dev/shm"],
    ...withParents(view),
    ...["--bind", room.inside, insideName, "--chdir", insideName],
    ...["--remount-ro", "/dev", "--remount-ro", "/"],
    ...["--clearenv", ...Object.entries(variables).flatMap(([name, value]) => ["--setenv", name, value])],
    ...(systemCallFilter(process.arch) === undefined ? [] : ["--seccomp", filterDescriptor]),
    "--",
    ...(way === "user" ? [] : asAccount(uid, gid)),
    ...limiting(limits),
    program,
    ...args,
  ]);
  const [first = "", ...rest] = way === "sudo" ? ["sudo", "-n", "--", ...command] : command;
  return { program: first, args: rest };
}

/** bubblewrap would make the folders above as ones that only root may enter. */
function withParents(view: readonly Shown[]): readonly string[] {
  const parents = new Set<string>();
  for (const [, , path] of view) {
    for (let parent = dirname(path); parent !== "/"; parent = dirname(parent)) parents.add(parent);
  }
  const shown = new Set(view.map(([, , path]) => path));
  const isWithin = (path: string): boolean => [...shown].some((other) => path.startsWith(`${other}/`));
  return [
    ...[...parents]
      .filter((path) => !shown.has(path) && !isWithin(path))
      .sort()
      .flatMap((path) => ["--perms", "0755", "--dir", path]),
    ...view.flat(),
  ];
}

function asAccount(uid: number, gid: number): readonly string[] {
  return [
    ...["setpriv", "--reuid", String(uid), "--regid", String(gid), "--clear-groups"],
    ...["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--"],
  ];
}
