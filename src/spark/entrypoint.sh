#!/bin/sh
# Runs the application under tini, and says in one line each what is wrong with the container.
# Its numbers are in the plan file; nothing in this script depends on the image.
# Exit codes: the application's own; 78 if the container cannot hold the plan; 137 after an OOM kill;
# the gateway's own code (128 + signal) if Spark's JVM died while the application lived on.
set -u

plan=/etc/spark/sparkbake-plan.sh
cgroup=/sys/fs/cgroup

say() { printf 'sparkbake: %s\n' "$*" >&2; }

# Ends the container, unless the user wants it anyway.
refuse() {
    say "$*"
    [ "${SPARKBAKE_ANYWAY:-}" = 1 ] || exit 78
}

# Finds this container's memory group: limit_file, events_file. The path in /proc/self/cgroup exists
# only where the host's tree is mounted; else the mount itself is our group.
find_group() {
    limit_file= events_file=
    while IFS=: read -r id controllers path; do
        case "$id,$controllers" in
            0,) set -- "$cgroup" memory.max memory.events ;;
            *,memory | *,memory,*) set -- "$cgroup/memory" memory.limit_in_bytes memory.oom_control ;;
            *) continue ;;
        esac
        for dir in "$1${path%/}" "$1"; do
            [ -r "$dir/$2" ] || continue
            limit_file=$dir/$2 events_file=$dir/$3
            break
        done
        [ -z "$limit_file" ] || return 0
    done </proc/self/cgroup
}

# limit: bytes, or empty for none. Version 1 writes "none" as the greatest multiple of a page.
read_limit() {
    limit=
    [ -n "$limit_file" ] && read -r limit <"$limit_file"
    case "$limit" in
        max | *[!0-9]*) limit= ;;
        ???????????????????*) limit= ;;
    esac
}

# cpu: thousandths of a CPU that the container may use, or empty for all. Version 2 has one directory for
# all controllers, version 1 one for each.
read_cpu() {
    cpu= quota= period=
    case "$limit_file" in
        */memory.max)
            file=${limit_file%memory.max}cpu.max
            [ -r "$file" ] && read -r quota period <"$file"
            ;;
        "$cgroup"/memory/*)
            dir=$cgroup/cpu${limit_file#"$cgroup/memory"}
            dir=${dir%/*}
            [ -r "$dir/cpu.cfs_quota_us" ] && read -r quota <"$dir/cpu.cfs_quota_us"
            [ -r "$dir/cpu.cfs_period_us" ] && read -r period <"$dir/cpu.cfs_period_us"
            ;;
    esac
    case "$quota,$period" in
        *[!0-9,]* | ,* | *, | *,0) ;;
        *) cpu=$((quota * 1000 / period)) ;;
    esac
}

# killed: how many processes of this group the kernel has killed for memory.
read_killed() {
    killed=0
    [ -n "$events_file" ] && [ -r "$events_file" ] || return 0
    while read -r name value; do
        [ "$name" = oom_kill ] && killed=$value
    done <"$events_file"
}

check_limit() {
    if [ -z "$limit" ]; then
        say "$PLAN_TEXT; the container shows no memory limit"
        return 0
    fi
    shown=$((limit / 1048576))
    if [ "$limit" -lt "$PLAN_LEAST_BYTES" ]; then
        refuse "$PLAN_TEXT; the container has only $shown MiB: give it memory-gb = $PLAN_GB, or bake the image for its size (SPARKBAKE_ANYWAY=1 starts it all the same)"
    elif [ "$limit" -lt "$PLAN_LIMIT_BYTES" ]; then
        say "$PLAN_TEXT; the container has $shown MiB, which is within the platform's share: going on"
    else
        say "$PLAN_TEXT; the container has $shown MiB"
    fi
}

# Fewer CPUs make everything slower, and break nothing.
check_cpu() {
    if [ -n "$cpu" ] && [ "$cpu" -lt "$PLAN_CPU_MILLI" ]; then
        say "the container has $((cpu / 1000)).$((cpu / 100 % 10)) vCPU, fewer than planned: give it cpu = $PLAN_CPU, or bake the image for its size"
    fi
}

# PySpark takes an end of spark-submit with status 0 for going on, and waits for it for ever.
check_arguments() {
    case " ${PYSPARK_SUBMIT_ARGS:-} " in
        *" --version "* | *" --help "* | *" -h "*)
            refuse "PYSPARK_SUBMIT_ARGS asks spark-submit for its version or help, and PySpark would wait for ever: take the option out"
            ;;
    esac
}

# Java unpacks its native libraries into /tmp, whatever TMPDIR says.
check_tmp() {
    if ! probe=$(mktemp -d /tmp/sparkbake.XXXXXX 2>/dev/null); then
        refuse "/tmp is not writable for user $(id -u): mount an emptyDir volume at /tmp"
        return 0
    fi
    printf '#!/bin/sh\n' >"$probe/run"
    chmod 0700 "$probe/run"
    "$probe/run" 2>/dev/null || refuse "/tmp is mounted noexec, and Java loads its native libraries from there: mount it without noexec"
    rm -rf "$probe"
}

check_user() {
    id -un >/dev/null 2>&1 || refuse "user $(id -u) has no entry in /etc/passwd, and Spark's login needs one: leave runAsUser out, the image has its own user"
}

check_dirs() {
    # Spark takes a list, and creates what is missing.
    mkdir -p "${SPARK_LOCAL_DIRS:=/tmp}" 2>/dev/null
    if [ ! -w "$SPARK_LOCAL_DIRS" ] && [ "${SPARK_LOCAL_DIRS%,*}" = "$SPARK_LOCAL_DIRS" ]; then
        say "SPARK_LOCAL_DIRS $SPARK_LOCAL_DIRS is not a writable directory: Spark spills to /tmp"
        export SPARK_LOCAL_DIRS=/tmp
    fi
    if [ ! -w "${HOME:=/}" ]; then
        say "HOME $HOME is not writable: using /tmp"
        export HOME=/tmp
    fi
}

# Splits /proc/PID/stat: state, parent, status. Fails if the process is gone. The name may hold blanks
# and parentheses; the fields follow the last one. Field 52 is the wait status of a zombie.
read_stat() {
    { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
    set -f
    # shellcheck disable=SC2086
    set -- ${line##*) }
    set +f
    state=$1 parent=$2
    shift 49
    status=$1
}

# gateway: the process of Spark's JVM below the application, or empty.
find_gateway() {
    gateway=
    for dir in /proc/[0-9]*; do
        { read -r name <"$dir/comm"; } 2>/dev/null || continue
        [ "$name" = java ] || continue
        pid=${dir#/proc/}
        [ "$pid" != "$app" ] && is_spark "$pid" && is_below "$pid" || continue
        gateway=$pid
        return 0
    done
}

is_spark() {
    line=
    { IFS= read -r line <"/proc/$1/cmdline"; } 2>/dev/null
    case "$line" in
        *org.apache.spark.launcher.Main*) return 1 ;;
        *org.apache.spark.deploy.SparkSubmit*) return 0 ;;
    esac
    return 1
}

is_below() {
    parent=$1
    while [ "$parent" -gt 1 ]; do
        read_stat "$parent" || return 1
        [ "$parent" != "$app" ] || return 0
    done
    return 1
}

# Looks every other second whether the gateway died. A JVM that was stopped on purpose is reaped, or
# a zombie with status 0; one that died stays a zombie, because the application does not know of it.
watch() {
    gateway= seen=$killed dead=
    while :; do
        sleep 2 </dev/null >/dev/null 2>&1 &
        wait $!
        [ -n "$gateway" ] || find_gateway
        before=$seen
        read_killed
        seen=$killed
        if [ -z "$gateway" ]; then
            [ "$seen" = "$before" ] || say "the kernel killed a process for memory"
        elif ! read_stat "$gateway"; then
            [ "$seen" = "$before" ] || end_app 137 "Spark's JVM is gone, and the kernel killed a process for memory: $PLAN_HELP"
            gateway= dead=
        elif [ "$state" = Z ] && [ "$status" != 0 ]; then
            # Twice in a row: the application may be about to reap it.
            [ -z "$dead" ] || tell_death
            dead=1
        elif [ "$seen" != "$before" ]; then
            say "the kernel killed a process for memory; Spark's JVM lives, so it was a Python process: $PLAN_HELP"
        fi
    done
}

tell_death() {
    signal=$((status % 128))
    if [ "$signal" = 0 ]; then
        end_app $((status / 256)) "Spark's JVM ended with exit code $((status / 256)) while the application lives on; the cause stands above"
    elif [ "$signal" = 9 ] && [ "$seen" -gt "$first" ]; then
        end_app 137 "the kernel killed Spark's JVM for memory while the application lives on: $PLAN_HELP"
    else
        end_app $((128 + signal)) "Spark's JVM was ended by signal $signal while the application lives on"
    fi
}

# Ends the application and the watch, whose exit code becomes the container's.
end_app() {
    # From here on the verdict stands, whatever the application's own end is.
    trap '' ALRM
    say "$2; ending the container"
    kill -TERM "$app" 2>/dev/null
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        read_stat "$app" && [ "$state" != Z ] || exit "$1"
        sleep 1 </dev/null >/dev/null 2>&1
    done
    kill -KILL "$app" 2>/dev/null
    exit "$1"
}

forward() {
    signalled=1
    if [ -n "$app" ]; then kill -s "$1" "$app" 2>/dev/null; else early=$1; fi
}

# code: the application's own. A signal ends `wait` early, and then it has to be asked again; 127 then
# means that the answer before was the right one. The shell's own word on a killed child is not wanted.
wait_app() {
    code=127 again=
    while :; do
        signalled=
        wait "$app" 2>/dev/null
        now=$?
        if [ "$now" = 127 ] && [ -n "$again" ]; then return 0; fi
        code=$now
        [ -n "$signalled" ] || return 0
        again=1
    done
}

if [ $# = 0 ]; then
    say "no command: give one, or set [app] command in the profile"
    exit 78
fi
# shellcheck source=/dev/null
. "$plan"
find_group
read_limit
read_cpu
check_limit
check_cpu
check_arguments
check_user
check_tmp
check_dirs
read_killed
first=$killed

# Signals are caught before there is an application to end on them; one that comes early waits for it.
app= early=
for name in TERM HUP QUIT USR1 USR2; do
    # shellcheck disable=SC2064
    trap "forward $name" "$name"
done
# A terminal sends its interrupt to the application itself.
if [ -t 0 ]; then trap 'signalled=1' INT; else trap 'forward INT' INT; fi
# The shell gives a background child no standard input and ignored signals: both are given back.
exec 3<&0
env --default-signal=INT,QUIT "$@" <&3 3<&- &
app=$!
exec 3<&-
[ -z "$early" ] || forward "$early"
watch &
watcher=$!
wait_app

# The watch ends by itself only if the gateway died, and then it speaks for the container. It is ended by
# a signal that is caught nowhere here: one with a trap could reach it before it has laid the trap down.
{
    kill -ALRM "$watcher"
    wait "$watcher"
    watched=$?
} 2>/dev/null
case "$watched" in
    142 | 127) ;;
    *) exit "$watched" ;;
esac
read_killed
if [ "$killed" -gt "$first" ] && [ "$code" != 0 ]; then
    say "the kernel killed a process for memory (out of memory in the container): $PLAN_HELP"
    exit 137
fi
# What Python ends with after an exception that nobody caught.
[ "$code" != 1 ] || say "the application ended with exit code 1; \`sparkbake diagnose\` names the cause that a log such as this one shows"
exit "$code"
