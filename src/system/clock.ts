import { randomBytes } from "node:crypto";
import { open, unlink } from "node:fs/promises";
import { join } from "node:path";

/** The only reader of the wall clock; everything else is handed a Clock. */
export interface Clock {
  /** The current moment. */
  now(): Date;
  /** Milliseconds that only ever rise: for durations, never for dates. */
  elapsedMs(): number;
  /**
   * What the file system of a folder calls now: another machine's clock on a network disk, the kernel's on a local one.
   * Undefined where nothing can be written there. Absent where the clock is not the machine's own.
   */
  ofFolder?(folder: string): Promise<Date | undefined>;
}

export const systemClock: Clock = {
  now: () => new Date(),
  elapsedMs: () => performance.now(),
  ofFolder: timeOfFolder,
};

/** `clock`, put right by `offsetMs`. */
export function shiftedClock(clock: Clock, offsetMs: number): Clock {
  if (offsetMs === 0) return clock;
  return { now: () => new Date(clock.now().getTime() + offsetMs), elapsedMs: () => clock.elapsedMs() };
}

async function timeOfFolder(folder: string): Promise<Date | undefined> {
  const path = join(folder, `.clock-${randomBytes(8).toString("hex")}`);
  try {
    const file = await open(path, "wx", 0o600);
    try {
      await file.write("now");
      return (await file.stat()).mtime;
    } finally {
      await file.close();
      await unlink(path);
    }
  } catch {
    return undefined;
  }
}
