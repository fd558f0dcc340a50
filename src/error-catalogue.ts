/**
 * Every error a person can meet: whose it is, the exit code, what it means, what to do.
 * docs/errors.md is generated from this table (`npm run docs`).
 *
 * Exit codes: 1 our failure · 2 bad input · 3 a check found the backup bad · 4 could not be checked.
 */
export interface ErrorEntry {
  readonly family: "user" | "ours";
  readonly exitCode: 1 | 2 | 3 | 4;
  readonly meaning: string;
  readonly cure: string;
}

export const errorCatalogue = {
  "access-token-refused": {
    family: "user",
    exitCode: 2,
    meaning:
      "Supabase's Management API does not accept the access token, or shows it no such project. Nothing was started.",
    cure: "Make a new access token in the dashboard by a member of the project's organization, store it as the secret, and check the project's ref.",
  },
  "alert-failed": {
    family: "ours",
    exitCode: 1,
    meaning:
      "Somebody was to be told, and at least one way to tell them failed. The other ways were tried all the same.",
    cure: "The message names the way and the reason; the next run tells again what was not taken.",
  },
  "amcheck-missing": {
    family: "user",
    exitCode: 4,
    meaning: "A drill examines indexes with the extension amcheck, which the server lacks or refuses.",
    cure: "Install PostgreSQL's contrib package (postgresql-contrib), lend a server with it, or waive index-structure.",
  },
  "another-actor-needed": {
    family: "user",
    exitCode: 2,
    meaning:
      "The policy has `restore: { another-actor: true }`, and who performs is who made the plan, or it cannot be told who made it. Nothing was opened.",
    cure: "Let somebody else dispatch restore.yml with the plan's hash, on the branch and within 24 hours of its dry run. Both are started by a person's hand, and the job has `actions: read`.",
  },
  "archive-unreadable": {
    family: "ours",
    exitCode: 3,
    meaning: "The bytes are those that were sealed, but pg_restore cannot read the archive.",
    cure: "Do not rely on this snapshot; take another one and report this with the versions of server and client.",
  },
  "artifact-limit": {
    family: "user",
    exitCode: 2,
    meaning: "GitHub takes at most 500 artifacts of one job, and the backup needs more.",
    cure: "Share the source among machines (`shards` in the policy, each a job with a limit of its own), give a larger `pack-size`, or keep it in an S3 store.",
  },
  "artifact-quota": {
    family: "user",
    exitCode: 2,
    meaning: "GitHub refuses new artifacts because the account's artifact storage is used up.",
    cure: "Delete old artifacts or shorten the retention (GitHub counts anew every 6 to 12 hours), raise the spending limit, or add an S3 store to the policy.",
  },
  "backup-bad": {
    family: "ours",
    exitCode: 3,
    meaning: "Verification proved that the backup is not what was backed up.",
    cure: "Do not rely on this snapshot: verify older ones, take a new one now, and find out what went wrong.",
  },
  "backup-below-expectation": {
    family: "ours",
    exitCode: 3,
    meaning: "The backup is stored and kept, but it has less than the policy's `expect` asks for.",
    cure: "Check that the right source was backed up and what was deleted there. If it is right, lower `expect` in the policy.",
  },
  "backups-unwell": {
    family: "ours",
    exitCode: 3,
    meaning: "The monitor found that the backups are not as the policy wants them.",
    cure: "Its summary and its issues name each problem; docs/runbook.md has the steps for each code.",
  },
  "bucket-missing": {
    family: "user",
    exitCode: 2,
    meaning: "A bucket that was chosen does not exist, or is not in the snapshot. Nothing was started.",
    cure: "Correct the name; the message lists what is there where names may be shown.",
  },
  "bundle-failed": {
    family: "ours",
    exitCode: 1,
    meaning: "git could not make the bundle of the repository. Nothing became visible.",
    cure: "Run `git fsck` in the repository; git's own words follow where they may be shown.",
  },
  "bundle-unreadable": {
    family: "ours",
    exitCode: 3,
    meaning: "git cannot make a repository of the bundle in the snapshot.",
    cure: "Do not rely on this snapshot for the code: verify older ones, and take a new one now.",
  },
  "channel-binding-missing": {
    family: "user",
    exitCode: 2,
    meaning: "The database URL requires channel binding, and the login did not use it.",
    cure: "Use TLS and a SCRAM-SHA-256 password on the server, or remove channel_binding=require from the URL.",
  },
  "client-tools-missing": {
    family: "user",
    exitCode: 2,
    meaning:
      "pg_dump and its companions in the server's major version are not installed and could not be installed.",
    cure: "Run the command that the message names, or name the folder of your own installation.",
  },
  "client-tools-wrong": {
    family: "user",
    exitCode: 2,
    meaning: "The folder that was named does not hold client tools of the server's major version.",
    cure: "Name the folder of the right major, or leave the input out and let Lifeboat find it.",
  },
  "confirm-mismatch": {
    family: "user",
    exitCode: 2,
    meaning:
      "What was typed to confirm is not the name of the database that would be replaced. Nothing was touched.",
    cure: "Type the exact name of the target's database, or correct the target.",
  },
  "confirm-needed": {
    family: "user",
    exitCode: 2,
    meaning: "The restore would replace something that exists, and nobody confirmed it. Nothing was touched.",
    cure: "Read the plan (dry run), then give `confirm` the exact name of the target's database.",
  },
  "connection-lost": {
    family: "ours",
    exitCode: 1,
    meaning:
      "A connection to the database or to another server was cut in the middle of the work. Nothing incomplete counts.",
    cure: "Run again; if it repeats, look for a proxy, a firewall or a server setting that ends long or idle connections, and at the server's own log.",
  },
  "connection-stalled": {
    family: "ours",
    exitCode: 1,
    meaning:
      "A connection to the database fell silent: it is open, nothing passes, and the server is not at work for it. Nothing became visible, or the target is unchanged.",
    cure: "Run again; if it repeats, look for a router, NAT gateway or VPN that drops long or quiet connections.",
  },
  "copy-incomplete": {
    family: "ours",
    exitCode: 1,
    meaning:
      "A store does not have all the snapshots that it should: it could not be written, or holds something else. The first store and every other copy are safe.",
    cure: "Cure what the message names. The next run with the same stores, or `lifeboat copy --all`, copies what is missing.",
  },
  "coverage-unproven": {
    family: "ours",
    exitCode: 1,
    meaning: "The archives' tables of contents do not hold each table exactly once. Nothing became visible.",
    cure: "Run again; if it repeats, report it with the versions of server and client.",
  },
  "database-certificate": {
    family: "user",
    exitCode: 2,
    meaning:
      "TLS with the database server failed: its certificate did not pass a check, or no common version exists.",
    cure: "Check the server's certificate and TLS settings, and sslmode and sslrootcert in the database URL.",
  },
  "database-ipv6-only": {
    family: "user",
    exitCode: 2,
    meaning: "The database host has only IPv6 addresses; GitHub's hosted runners speak IPv4 only.",
    cure: "Use the session pooler's address (Supabase: …pooler.supabase.com, port 5432), or a runner with IPv6.",
  },
  "database-login-refused": {
    family: "user",
    exitCode: 2,
    meaning: "The database server answered but refused this user, password or kind of connection.",
    cure: "Check user and password in the URL; percent-encode special characters of the password.",
  },
  "database-missing": {
    family: "user",
    exitCode: 2,
    meaning: "The server has no database of that name.",
    cure: "Check the name after the last `/` of the URL; upper case and spaces count.",
  },
  "database-requires-tls": {
    family: "user",
    exitCode: 2,
    meaning: "The database server accepts only TLS connections, and the URL turns TLS off.",
    cure: "Remove sslmode=disable from the URL, or write sslmode=verify-full.",
  },
  "database-statement-failed": {
    family: "ours",
    exitCode: 1,
    meaning:
      "PostgreSQL refused one of Lifeboat's own statements: a right is missing, a limit is reached, or its data are damaged.",
    cure: "The cause has the server's own words (in a public repository only its code, which PostgreSQL's manual lists in appendix A); the server's log has the statement.",
  },
  "database-unreachable": {
    family: "user",
    exitCode: 2,
    meaning: "No connection to the database server could be made.",
    cure: "Check host and port, that the server runs, and that a firewall or network restriction lets you in.",
  },
  "database-without-tls": {
    family: "user",
    exitCode: 2,
    meaning: "The database server offers no TLS, and the connection requires it.",
    cure: "Turn on `ssl` on the server, or write sslmode=disable if the network between is trusted.",
  },
  "disk-too-small": {
    family: "user",
    exitCode: 2,
    meaning:
      "The server's disk has no room for a second copy of the database beside the first. Nothing was touched.",
    cure: "Free or add space, or restore into a new database on another server.",
  },
  "document-damaged": {
    family: "ours",
    exitCode: 3,
    meaning:
      "A document beside the snapshots (a hold, evidence, a tombstone, new headers, the store's id, a snapshot.json) is damaged, swapped or gone. What it may have been about is kept.",
    cure: 'Check who has write access to the store, and restore the file from a copy. Say again what a lost hold said. Then: lifeboat unfreeze SOURCE --because "…".',
  },
  "document-too-large": {
    family: "ours",
    exitCode: 3,
    meaning:
      "A document is larger than any that Lifeboat writes (docs/format.md has the sizes), so it was not read on: it is damaged, forged, or somebody else's.",
    cure: "Look at who can write into the store, and remove the document that the message names if it is not yours.",
  },
  "document-too-new": {
    family: "ours",
    exitCode: 4,
    meaning:
      "A snapshot, or a document beside the snapshots, was written by a newer Lifeboat. What it is about was kept; the rest was done.",
    cure: "Use the version of Lifeboat that wrote it, or a later one.",
  },
  "drill-failed": {
    family: "ours",
    exitCode: 3,
    meaning:
      "A drill found something that is not as it was backed up, did not open, or could not even be tried.",
    cure: "Read its report: each finding says what to do. Until then do not count on recovering this way.",
  },
  "dump-failed": {
    family: "ours",
    exitCode: 1,
    meaning: "pg_dump or zstd did not end well. Nothing became visible.",
    cure: "The program's own words follow where they may be shown (in public repositories they could name tables).",
  },
  "file-changed": {
    family: "ours",
    exitCode: 1,
    meaning: "A file became shorter while it was read. Nothing became visible.",
    cure: "Run again, or exclude files that are rewritten all the time.",
  },
  "github-refused": {
    family: "user",
    exitCode: 2,
    meaning:
      "GitHub understood, and refused: a permission is missing, or something is disabled or does not exist.",
    cure: "The message carries the status; see that the token is valid and that the job has the permissions of the action's README.",
  },
  "github-unreachable": {
    family: "ours",
    exitCode: 1,
    meaning: "GitHub's API gave no usable answer, also after several tries.",
    cure: "Look at githubstatus.com and run again.",
  },
  "history-broken": {
    family: "ours",
    exitCode: 3,
    meaning:
      "A snapshot that somebody remembers is gone or replaced without a reason, or one lacks the signature that is demanded: a rollback, a deletion or a forgery.",
    cure: 'Find out who can write into the store. Restore from another store if need be; once it is understood: lifeboat unfreeze SOURCE --because "…".',
  },
  "hook-failed": {
    family: "ours",
    exitCode: 1,
    meaning: "The command that should run before or after the restore ended with an error.",
    cure: "Run the command by hand, cure it, and run again.",
  },
  "identity-does-not-open": {
    family: "user",
    exitCode: 2,
    meaning: "None of the given identities opens this sealed file: it was sealed for others.",
    cure: "Give the identity of one of the recipients whose fingerprints snapshot.json lists under recipients.",
  },
  "entries-refused": {
    family: "user",
    exitCode: 1,
    meaning:
      "A file that a verification or drill should have handed on for the ledger holds something else. The others were appended.",
    cure: "Look at the run of the job that left it: either another Lifeboat wrote it, or what was restored there got out of its server.",
  },
  "input-invalid": {
    family: "user",
    exitCode: 2,
    meaning: "One or more inputs are missing, misspelt or out of range. Nothing was started.",
    cure: "Correct every input that the message lists; each line says what is allowed.",
  },
  "ledger-broken": {
    family: "ours",
    exitCode: 3,
    meaning: "A record of the ledger was changed, taken out or put elsewhere.",
    cure: "Find out who can write where the ledger is kept (git log of the branch lifeboat-ledger, or the store's access log); what is gone may be in a clone.",
  },
  "ledger-failed": {
    family: "ours",
    exitCode: 1,
    meaning: "The ledger, which witnesses what was done, could not be read or written.",
    cure: "The message carries GitHub's status. Run again; see that the branch lifeboat-ledger is not protected against the workflow.",
  },
  "lock-timeout": {
    family: "ours",
    exitCode: 1,
    meaning: "Another session changed a table's definition for so long that the backup gave up waiting.",
    cure: "Run again; if it repeats, look for long ALTER TABLE, VACUUM FULL or open transactions.",
  },
  "locks-exhausted": {
    family: "user",
    exitCode: 2,
    meaning:
      "The database has more tables than the server's table of locks has room for; pg_dump alone would fail as well.",
    cure: "Set max_locks_per_transaction on the server to at least twice its value, and restart the server.",
  },
  "machine-refused": {
    family: "user",
    exitCode: 1,
    meaning:
      "The operating system refused to read or write a file or to start something: no space, no right, a name that is too long, a broken disk.",
    cure: "The cause has the system's own words: free space or give the right, shorten the name or exclude it, then run again.",
  },
  "names-illegible": {
    family: "user",
    exitCode: 2,
    meaning:
      "Tables have names that are no text: bytes that mean nothing in UTF-8, in a database without an encoding or with a wrong one. Rows with such bytes are backed up, but tables can only be locked and counted by their names.",
    cure: "Rename these tables or columns (ALTER TABLE … RENAME, with client_encoding SQL_ASCII), then run again.",
  },
  "not-verified": {
    family: "ours",
    exitCode: 4,
    meaning: "Nothing wrong was found, but something required could not be checked.",
    cure: "Make it checkable (install the extension, take backups with hashes), or waive it by name.",
  },
  "object-name-unusable": {
    family: "ours",
    exitCode: 1,
    meaning:
      "A bucket or an object has a name that cannot be written into a URL or into a file: it is empty, `.` or `..` alone, no UTF-8, far too long, or of characters that the Storage API neither takes nor serves.",
    cure: "Rename the object in the project, or leave it out (`exclude`); until then every backup says that it is missing.",
  },
  "object-size-wrong": {
    family: "ours",
    exitCode: 1,
    meaning:
      "An object's body was shorter or longer than had been announced, by the server or by the backup; it was not stored.",
    cure: "Run again; if it repeats, the object's row in storage.objects and its bytes do not agree.",
  },
  "pack-not-usable": {
    family: "ours",
    exitCode: 1,
    meaning:
      "A pack that the new snapshot was to share is gone or was marked for deletion while the backup ran. Nothing became visible.",
    cure: "Run again: what cannot be shared is copied or fetched again. If it repeats, look for a second prune on this store.",
  },
  "pack-void": {
    family: "ours",
    exitCode: 1,
    meaning:
      "An object broke off in the middle of being packed, so its pack was given up; nothing of it is stored.",
    cure: "Run again; objects that are safe already are not fetched twice.",
  },
  "path-missing": {
    family: "user",
    exitCode: 2,
    meaning: "A path that was to be backed up does not exist. Nothing was started.",
    cure: "Correct the path, or check out and mount what it should be on.",
  },
  "path-too-long": {
    family: "user",
    exitCode: 2,
    meaning:
      "A path below those to back up is longer than the system takes at once (4,096 bytes). Nothing became visible.",
    cure: "Exclude that folder (`exclude`), or name a folder further down in `paths` so that the rest of the path is shorter.",
  },
  "path-unreadable": {
    family: "user",
    exitCode: 2,
    meaning: "A file or folder below those to back up cannot be read by this user. Nothing became visible.",
    cure: "Give this user the right to read it, or exclude it (`exclude`).",
  },
  "plan-outdated": {
    family: "user",
    exitCode: 2,
    meaning: "The target changed between planning and restoring. Nothing was touched.",
    cure: "Plan again and read the new plan.",
  },
  "policy-invalid": {
    family: "user",
    exitCode: 2,
    meaning:
      "The policy file is not YAML, does not have the fields of a policy, or contradicts itself. Nothing was started.",
    cure: "Correct every line that the message lists; docs/policy.md has all fields and an example.",
  },
  "policy-secret-missing": {
    family: "user",
    exitCode: 2,
    meaning: "The policy names an environment variable that is not set in this step.",
    cure: "Add the `env:` lines that the message shows to the step, and create the secrets in the repository's settings.",
  },
  "project-api-unreachable": {
    family: "ours",
    exitCode: 1,
    meaning:
      "Supabase's Management API could not be asked, answered with server errors, or asked to wait, also after several tries.",
    cure: "See status.supabase.com and run it again. A restore of settings can be repeated: it writes only what still differs.",
  },
  "project-api-unusable": {
    family: "ours",
    exitCode: 1,
    meaning:
      "An answer of Supabase's Management API was not what the API promises: cut, too large, a redirect.",
    cure: "Run it again; if it stays, report it with the message.",
  },
  "project-settings-incomplete": {
    family: "ours",
    exitCode: 1,
    meaning:
      "Some settings of the project were not taken, or are not what was written. The others are in place; nothing was undone.",
    cure: "Read the reasons in the report, then run the restore again: it writes only what still differs.",
  },
  "project-settings-missing": {
    family: "user",
    exitCode: 2,
    meaning: "The snapshot holds no settings of a Supabase project. Nothing was touched.",
    cure: "Choose a snapshot that was taken with an access token; docs/supabase-project-settings.md says how.",
  },
  "privilege-missing": {
    family: "user",
    exitCode: 2,
    meaning: "The role may not read everything, so the backup would not be whole.",
    cure: "Grant the role what the message names: GRANT pg_read_all_data TO it covers tables and sequences (PostgreSQL 14 and later), BYPASSRLS all their rows; each large object needs GRANT SELECT ON LARGE OBJECT, a login GRANT CONNECT ON DATABASE.",
  },
  "project-refused": {
    family: "ours",
    exitCode: 1,
    meaning:
      "A Supabase project did not take something of the backup. All was rolled back: the project is unchanged.",
    cure: "The message names the object and the server's reason; docs/supabase.md lists what a project must have first.",
  },
  "recipients-missing": {
    family: "user",
    exitCode: 2,
    meaning: "Nobody was named who could open the backup. Lifeboat has no unencrypted mode.",
    cure: "Make a key with `lifeboat keygen`, keep the identity file offline, and give the printed age1… recipient.",
  },
  "repository-not-whole": {
    family: "user",
    exitCode: 2,
    meaning:
      "The git repository is not all there, so a bundle of it could not be cloned. Nothing was started.",
    cure: "Check it out whole: actions/checkout with `fetch-depth: 0`.",
  },
  "repository-unusable": {
    family: "user",
    exitCode: 2,
    meaning: "git cannot read the repository that was named.",
    cure: "Name a folder that holds a git repository, and install git.",
  },
  "restore-file-exists": {
    family: "user",
    exitCode: 2,
    meaning:
      "A file or folder that stands in the target is not what would be written there. It was left as it is.",
    cure: "Choose an empty folder, or have existing files replaced.",
  },
  "restore-incomplete": {
    family: "ours",
    exitCode: 3,
    meaning:
      "The server refused rows or rights of the backup, so the copy did not replace the existing database, which is unchanged.",
    cure: "Read the findings. If you can do without these rows or rights, name them in `accept` and run again.",
  },
  "restore-impossible": {
    family: "user",
    exitCode: 2,
    meaning: "This server, or these programs, cannot take this snapshot. Nothing was touched.",
    cure: "The message lists what is in the way; restore into a server that has it.",
  },
  "restore-name-refused": {
    family: "ours",
    exitCode: 3,
    meaning:
      "A name in the backup, or a link in the target folder, would have a file written outside of that folder. It was not.",
    cure: "Remove the link; if it is the name, somebody else has sealed this backup: look at who can write the store.",
  },
  "restored-in-part": {
    family: "ours",
    exitCode: 3,
    meaning:
      "The database is restored and compared, but the server refused some objects: they are missing, or weaker than in the backup.",
    cure: "Run the command in each finding. If you can do without, name the objects in `accept` beforehand; with `atomic`, nothing is restored in such a case.",
  },
  "restore-not-verified": {
    family: "ours",
    exitCode: 3,
    meaning:
      "What was restored is not what was backed up, or could not be compared; the target was left as it was.",
    cure: "Read the findings; restore another snapshot, or verify this one.",
  },
  "restore-running": {
    family: "user",
    exitCode: 2,
    meaning: "Another restore into the same database is at work. Nothing was touched.",
    cure: "Wait for it to end, then run again.",
  },
  "restore-selection": {
    family: "user",
    exitCode: 2,
    meaning:
      "A chosen table or schema is not in the snapshot, or was not written correctly. Nothing was touched.",
    cure: 'Write schema.table; quote parts with upper case, spaces or dots: "My Schema"."my.table".',
  },
  "restore-state-unknown": {
    family: "ours",
    exitCode: 1,
    meaning:
      "The connection broke while the restore became visible, and the server could not be asked how it ended.",
    cure: "Reach the server and run again: the next run sees by itself whether anything is left to do.",
  },
  "restore-swap-failed": {
    family: "ours",
    exitCode: 1,
    meaning: "The verified copy could not take the place of the existing database, which is unchanged.",
    cure: "End the sessions that the message speaks of and run again: the verified copy is used as it stands.",
  },
  "restore-table-refused": {
    family: "user",
    exitCode: 2,
    meaning: "The target cannot take these tables; it was rolled back and is unchanged.",
    cure: "The message says what is in the way; cure it, or restore into a new database and copy from there.",
  },
  "restore-target-exists": {
    family: "user",
    exitCode: 2,
    meaning: "A restore into a new database was asked for, and the database exists. Nothing was touched.",
    cure: "Name another database, or restore in place with confirm, or restore single tables.",
  },
  "restore-write-failed": {
    family: "ours",
    exitCode: 1,
    meaning: "The file system refused to write, or to read, in the folder that should be restored into.",
    cure: "The message carries the system's own words; cure that and run again: what is there already is not written twice.",
  },
  "restricted-role-refused": {
    family: "user",
    exitCode: 4,
    meaning:
      "The policy's SQL checks are asked by a role that only reads, made for them; the server refused to make it or to let it in.",
    cure: "Let the throwaway server be ours, or lend one on which the user of the URL is a superuser and roles log in by password.",
  },
  "retention-frozen": {
    family: "ours",
    exitCode: 3,
    meaning:
      "Numbers or history of a source look like an attack or an accident, so nothing of it is removed: the next snapshots to go may be the last good ones.",
    cure: 'Find out what happened. If all is well: lifeboat unfreeze SOURCE --because "…". If not: hold the last good snapshot and restore it.',
  },
  "rewrap-damaged": {
    family: "ours",
    exitCode: 3,
    meaning:
      "A document with new headers for a rotated key is not what was written. The backup's own files are not touched by this.",
    cure: "Whoever holds a key that the backup was sealed for still opens it. Run `rotate-keys` again, and look at who can write the store.",
  },
  "rotation-incomplete": {
    family: "ours",
    exitCode: 1,
    meaning: "Some sealed files did not get a header for the new keys; all others did.",
    cure: "Cure what the findings name, then run the same command again: it goes on where it stopped. Keep the old identity until then.",
  },
  "run-cancelled": {
    family: "user",
    exitCode: 1,
    meaning:
      "The run was cancelled, or the machine asked the process to end, before the work was done. The message says what had been changed by then.",
    cure: "Run again: every command goes on where it was stopped, and the next run sweeps what this one left.",
  },
  "run-outcome-unknown": {
    family: "ours",
    exitCode: 1,
    meaning:
      "The run was cancelled or stopped while a step that cannot be taken back was on its way, and nobody answered any more how it ended.",
    cure: "Look how things stand with the command that the message names, then run again: every command is safe to repeat.",
  },
  "run-stopped": {
    family: "ours",
    exitCode: 1,
    meaning:
      "The work stopped without an end: it waited for an answer that can never come, usually because a connection was lost.",
    cure: "Run again; if it repeats, report it with the last lines of the log.",
  },
  "run-too-long": {
    family: "ours",
    exitCode: 1,
    meaning: "The work did not end within its time limit and was stopped.",
    cure: "Look at the last line of the log for what it waited for. If the work is just large, raise time-limit.",
  },
  "schema-in-motion": {
    family: "ours",
    exitCode: 1,
    meaning: "The set of tables changed each time the backup tried to take a snapshot.",
    cure: "Run again when no migration is running.",
  },
  "sealed-file-damaged": {
    family: "ours",
    exitCode: 3,
    meaning: "A sealed file is malformed, cut, changed or does not decompress to what it should.",
    cure: "Do not restore from this file. Take the newest whole snapshot by its id, and look at who can write the store.",
  },
  "secret-in-argv": {
    family: "user",
    exitCode: 2,
    meaning: "A secret was written on the command line, where every process of the machine can read it.",
    cure: "Put it into an environment variable and pass env:NAME, or into a file and pass file:PATH.",
  },
  "server-programs-missing": {
    family: "user",
    exitCode: 2,
    meaning:
      "Level `restored` restores into a throwaway server, whose programs are not installed and could not be.",
    cure: "Run the command that the message names, or give a server by URL.",
  },
  "server-too-old": {
    family: "user",
    exitCode: 2,
    meaning: "The server is older than PostgreSQL 13.",
    cure: "Upgrade the server; older ones have been without security fixes for years.",
  },
  "session-setting-forced": {
    family: "user",
    exitCode: 2,
    meaning:
      "A setting of the role, the database or the server makes damaged pages read as empty ones, and the role may not turn it off. What was read then could not be relied on.",
    cure: "Have an administrator turn off the setting that the message names for this role, or use a superuser.",
  },
  "shard-missing": {
    family: "ours",
    exitCode: 1,
    meaning: "The shards of a backup are not all there, so no snapshot was made of them.",
    cure: "Look at the failed jobs of the matrix and run them again, then join again.",
  },
  "signature-missing": {
    family: "ours",
    exitCode: 3,
    meaning:
      "A signer is set, and nobody vouches for the snapshot: no signature by that key, no record in the ledger, no acceptance. Nothing of it was opened, decrypted or run.",
    cure: "Recipients are public, so anybody could have sealed it: treat it as forged until proven otherwise. Take the newest signed one; what was made before signatures were demanded is accepted with `lifeboat unfreeze`.",
  },
  "snapshot-damaged": {
    family: "ours",
    exitCode: 3,
    meaning: "A stored file is not what was written: bytes were changed, cut, swapped or removed.",
    cure: "Do not restore from this snapshot. Take the newest whole one by its id, and look at who can write the store.",
  },
  "snapshot-incomplete": {
    family: "ours",
    exitCode: 3,
    meaning: "The snapshot says of itself that it is not whole: some objects failed while it was taken.",
    cure: "Take another snapshot by its id. To restore all that this one has of buckets, name it by its own id.",
  },
  "snapshot-lost": {
    family: "ours",
    exitCode: 1,
    meaning:
      "The connection that held the snapshot ended before all parts were dumped; nothing became visible.",
    cure: "Run again; if it repeats, look for a proxy or a setting that ends long transactions.",
  },
  "snapshot-not-found": {
    family: "user",
    exitCode: 2,
    meaning: "The store has no such snapshot of this source.",
    cure: "List what is there with `lifeboat list`, and check the store's address and the source's name.",
  },
  "snapshot-too-new": {
    family: "ours",
    exitCode: 4,
    meaning: "The snapshot was written by a later Lifeboat, in a format that this one does not know.",
    cure: "Use the version of Lifeboat that wrote it, or a later one.",
  },
  "source-bytes-invalid": {
    family: "user",
    exitCode: 3,
    meaning:
      "The source held bytes that are not valid in its database's encoding (a label changed in pg_database, an old fault). The backup has them byte for byte, and no server takes them back under this label.",
    cure: "The message names the table: correct these rows in the source, then take a new backup.",
  },
  "source-contradictory": {
    family: "ours",
    exitCode: 3,
    meaning:
      "The backup holds what the source holds, but rows or definitions of the source contradict each other, so no restore brings everything back.",
    cure: "Fix the source with the command in each finding; another backup differs only after that. Until then, waive the findings by name. `restore` brings everything else back.",
  },
  "startup-options-refused": {
    family: "user",
    exitCode: 2,
    meaning:
      "A pooler refuses or drops the startup parameter `options`, and without it a setting of the role or database would change what is read or written.",
    cure: "Use the database's own address, or reset the settings that the message names for this role.",
  },
  "storage-bucket-exists": {
    family: "user",
    exitCode: 2,
    meaning: "The project has a bucket of this name already.",
    cure: "Restore into the existing bucket, or into a project without it.",
  },
  "storage-bucket-missing": {
    family: "user",
    exitCode: 2,
    meaning: "The project has no bucket of this name. The Storage API lists such a bucket as an empty one.",
    cure: "Check the bucket's name (upper case counts) and that the URL is the right project's.",
  },
  "storage-incomplete": {
    family: "ours",
    exitCode: 1,
    meaning: "Some objects could not be read. All others are safe in a snapshot that is marked incomplete.",
    cure: "See the findings; the sealed contents name the objects (`lifeboat show` with the identity). Cure or exclude them, and run again.",
  },
  "storage-key-refused": {
    family: "user",
    exitCode: 2,
    meaning: "The Storage API does not accept the key.",
    cure: "Use a secret key (sb_secret_…) or the legacy service_role key of this project, and check that it was not revoked.",
  },
  "storage-list-failed": {
    family: "ours",
    exitCode: 1,
    meaning: "The Storage API did not give a complete listing in order, so nothing was concluded from it.",
    cure: "Run again; if it repeats, give a database URL, so that objects are listed by SQL.",
  },
  "storage-object-changed": {
    family: "ours",
    exitCode: 1,
    meaning: "An object was replaced while it was read.",
    cure: "Run again; objects that change all the time are saved whenever they rest for a moment.",
  },
  "storage-object-missing": {
    family: "ours",
    exitCode: 1,
    meaning: "An object that was listed is not there any more.",
    cure: "Nothing, if somebody deleted it; else find out who did.",
  },
  "storage-object-unreadable": {
    family: "ours",
    exitCode: 1,
    meaning: "An object has a row in the database, but the Storage API does not find its bytes.",
    cure: "Delete the row through the Storage API or upload the object again; an earlier snapshot may still have it.",
  },
  "storage-objects-refused": {
    family: "ours",
    exitCode: 3,
    meaning:
      "The project did not take some objects: too large for it, or of a type it refuses. All others are restored and compared.",
    cure: "Raise the project's upload limit and run the same restore again: it uploads only what is missing.",
  },
  "storage-read-failed": {
    family: "ours",
    exitCode: 1,
    meaning: "The Storage API did not give an object's bytes whole, also after several tries.",
    cure: "Run again; if it repeats, look for a proxy that cuts or changes what passes.",
  },
  "storage-remove-unproven": {
    family: "ours",
    exitCode: 1,
    meaning: "Objects were deleted, but are still there.",
    cure: "Look for somebody who uploads them at the same time, or for triggers on storage.objects, and run again.",
  },
  "storage-request-refused": {
    family: "user",
    exitCode: 2,
    meaning: "The Storage API does not take what was asked of it: a size, a type, a name, an address.",
    cure: "The message carries the server's reason: raise the bucket's or the project's limit, or correct the input.",
  },
  "storage-rows-failed": {
    family: "ours",
    exitCode: 1,
    meaning: "The database did not give or take the rows of storage.objects.",
    cure: "The message carries the server's words; cure that and run again.",
  },
  "storage-schema-missing": {
    family: "user",
    exitCode: 2,
    meaning: "The database has no tables storage.buckets and storage.objects.",
    cure: "Give the database URL of the Supabase project whose buckets these are, or none.",
  },
  "storage-temporary": {
    family: "ours",
    exitCode: 1,
    meaning: "The Storage API was busy or the connection broke, also after several tries.",
    cure: "Run again later; fewer requests at once may help.",
  },
  "store-clock-skew": {
    family: "user",
    exitCode: 2,
    meaning:
      "This machine's clock and the store's are too far apart, so nothing that depends on dates is done.",
    cure: "Set this machine's clock (NTP), then run again.",
  },
  "store-full": {
    family: "ours",
    exitCode: 1,
    meaning: "The store has no room: its disk, quota or bucket is full. Nothing became visible.",
    cure: "Run `lifeboat prune`, which frees what retention no longer keeps and needs next to no room itself; or free space, or use another store.",
  },
  "store-key-exists": {
    family: "ours",
    exitCode: 1,
    meaning: "Another file stands under this key. Stores never overwrite.",
    cure: "Run again: a new run has a new id. If it repeats, somebody else writes into this store.",
  },
  "store-link-refused": {
    family: "user",
    exitCode: 2,
    meaning:
      "A symbolic link stands inside the store, so that reading or writing would happen somewhere else.",
    cure: "Find out who put it there, remove it, and run again; to keep the store on another disk, give that path itself.",
  },
  "store-list-failed": {
    family: "ours",
    exitCode: 1,
    meaning: "The store did not give a complete listing, so nothing was concluded from it.",
    cure: "Check the store's credentials and availability and run again.",
  },
  "store-object-locked": {
    family: "user",
    exitCode: 2,
    meaning: "The store's Object Lock still protects this file, so it was not deleted.",
    cure: "Wait until the date that the message names. A lock is never shortened by Lifeboat.",
  },
  "store-object-missing": {
    family: "ours",
    exitCode: 3,
    meaning: "A file that should be in the store is not there.",
    cure: "Take another snapshot by its id; find out who deleted the file, or whether its retention ended.",
  },
  "store-permission-missing": {
    family: "user",
    exitCode: 2,
    meaning: "The token or account may not do in the store what this step needs.",
    cure: "Add the `permissions:` line that the message names to the job, or use a token that has it.",
  },
  "store-read-failed": {
    family: "ours",
    exitCode: 1,
    meaning: "The store broke off while a file was read.",
    cure: "Run again; if it repeats, check the store and the network.",
  },
  "store-temporary": {
    family: "ours",
    exitCode: 1,
    meaning: "The store was busy or the connection broke, also after several tries.",
    cure: "Run again later.",
  },
  "store-write-failed": {
    family: "ours",
    exitCode: 1,
    meaning:
      "The store could not write: a full disk, a missing right, a read-only file system. Nothing became visible.",
    cure: "The message carries the system's own words; cure that and run again.",
  },
  "store-write-unproven": {
    family: "ours",
    exitCode: 1,
    meaning: "A file was written but reading it back did not give the same bytes; it does not count.",
    cure: "Run again; if it repeats, the store or its disk is failing.",
  },
  "throwaway-server-failed": {
    family: "ours",
    exitCode: 1,
    meaning: "The throwaway PostgreSQL that a check needs did not start.",
    cure: "The message carries the server's own log; check memory, disk and that the folder may be entered.",
  },
  "tool-failed": {
    family: "ours",
    exitCode: 1,
    meaning: "A program that Lifeboat runs (pg_dump, zstd, …) ended with an error.",
    cure: "The message carries the program's own words; cure that and run again. Nothing became visible.",
  },
  "tool-missing": {
    family: "user",
    exitCode: 2,
    meaning: "A program that this step needs is not installed and could not be installed.",
    cure: "Run the command that the message names, or run on a machine that has the program.",
  },
  "too-many-connections": {
    family: "user",
    exitCode: 2,
    meaning: "The server, a limit of the role or database, or a pooler has no connection left.",
    cure: "A backup needs up to six connections more than `jobs`, a restore two more: lower `jobs`, raise max_connections, the pool's size or the CONNECTION LIMIT that the message names, or end idle sessions.",
  },
  "transaction-pooler": {
    family: "user",
    exitCode: 2,
    meaning:
      "The URL points at a transaction pooler, which changes the server connection between transactions.",
    cure: "Use port 5432 of the same host (the session pooler) or the direct connection.",
  },
  unexpected: {
    family: "ours",
    exitCode: 1,
    meaning: "A defect of Lifeboat, or something about the machine that it did not foresee.",
    cure: "Run again; if it repeats, report it with the message and the stack.",
  },
  "value-too-large": {
    family: "user",
    exitCode: 2,
    meaning:
      "A row or value is too large for PostgreSQL to write as text (1 GB; a bytea takes twice its size), so pg_dump cannot back it up either.",
    cure: "Split the value, or keep it as a large object or a file: the table is named where names may be shown.",
  },
  "vault-unreadable": {
    family: "user",
    exitCode: 2,
    meaning: "The vault's secrets were asked for, and the project's vault cannot decrypt them.",
    cure: "Look at vault.decrypted_secrets in the SQL editor and delete or replace what has no value there, or back up without `vault`.",
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorCatalogue;
