/** Who owns a draft: enough to know, on the same machine, that its process is gone and nobody will finish it. */
import { createHash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";

export interface DraftOwner {
  readonly host: string;
  /** Names this start of this machine and this process namespace: elsewhere the pid says nothing. */
  readonly machine: string;
  readonly pid: number;
  /** Clock ticks since boot, from /proc; 0 where there is none. Tells a re-used pid from its first owner. */
  readonly startTicks: number;
}

export function thisProcess(): DraftOwner {
  const host = hostname();
  const place = [
    host,
    attempt(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8")),
    pidNamespace(),
  ];
  return {
    host,
    machine: createHash("sha256").update(place.join("\n")).digest("hex").slice(0, 16),
    pid: process.pid,
    startTicks: ticksIn(attempt(() => readFileSync("/proc/self/stat", "utf8"))),
  };
}

/** Whether an owner of this machine has ended; undefined where it belongs to another machine. */
export async function ownerIsGone(owner: DraftOwner): Promise<boolean | undefined> {
  if (owner.machine !== thisProcess().machine) return undefined;
  if (!isRunning(owner.pid)) return true;
  if (owner.startTicks === 0) return false;
  const stat = await readFile(`/proc/${owner.pid}/stat`, "utf8").catch(() => "");
  return isZombie(stat) || ticksIn(stat) !== owner.startTicks;
}

/** The owner as one segment of a folder name, for folders that hold no owner file yet. */
export function ownerMark(owner: DraftOwner): string {
  return `${owner.machine}-${owner.pid}-${owner.startTicks}`;
}

export function ownerOfMark(mark: string): DraftOwner | undefined {
  const match = /^([0-9a-f]{16})-(\d+)-(\d+)$/.exec(mark);
  if (match === null) return undefined;
  const [, machine = "", pid, startTicks] = match;
  return { host: "", machine, pid: Number(pid), startTicks: Number(startTicks) };
}

export function parseOwner(text: string): DraftOwner | undefined {
  const value: unknown = attempt(() => JSON.parse(text) as unknown);
  if (typeof value !== "object" || value === null) return undefined;
  const { host, machine, pid, startTicks } = value as Record<string, unknown>;
  if (typeof host !== "string" || typeof machine !== "string") return undefined;
  if (typeof pid !== "number" || typeof startTicks !== "number") return undefined;
  return { host, machine, pid, startTicks };
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    // EPERM: somebody else's process, so there is one.
    return thrown instanceof Error && "code" in thrown && thrown.code === "EPERM";
  }
}

/** Field 22 of /proc/<pid>/stat, counted behind the program's name, which may hold spaces and brackets. */
function ticksIn(stat: string | undefined): number {
  const fields = (stat ?? "").slice((stat ?? "").lastIndexOf(")") + 2).split(" ");
  return Number(fields[19] ?? 0);
}

/** Ended, and only waiting for its parent to notice. */
function isZombie(stat: string): boolean {
  return stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
}

function pidNamespace(): string | undefined {
  return attempt(() => readlinkSync("/proc/self/ns/pid"));
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    // Other systems have no /proc: what cannot be known stays undefined.
    return undefined;
  }
}
