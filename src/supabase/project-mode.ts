/** How a restore into a Supabase project goes. */
export interface ProjectMode {
  readonly kind: "supabase";
  /** What a user put into the project is taken out first. */
  readonly inPlace: boolean;
  /** `inactive`: jobs are restored, and wait for a person to switch them on. */
  readonly cronJobs: "inactive" | "as-backed-up";
  /** Sessions and refresh tokens too. */
  readonly signIns: boolean;
}

/** What a person chose, before it is known what the target is. */
export interface ProjectChoice {
  /** `auto`: a project is known by its roles and schemas. */
  readonly target: "auto" | "supabase" | "postgresql";
  readonly cronJobs: ProjectMode["cronJobs"];
  readonly signIns: boolean;
}
