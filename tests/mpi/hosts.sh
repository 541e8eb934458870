#!/usr/bin/env bash
# Two hosts on one machine: alpha and beta have a network, a name, processes and a shared memory of their own, so
# that ranks meet by TCP alone, as on two machines. Runs over both have the log and the parameters of one process,
# and end; a rank that is killed on the other host is named, and told where its checkpoints are.
#     hosts.sh TELESGD TELESGD-MPI MPIRUN
# All happens in namespaces that are gone when it ends. Where there may be none, it says so and is content.
set -u
network() {
    command -v pgrep > /dev/null && mount -t tmpfs tmpfs /run &&
        mount -t sysfs sysfs /sys &&             # where MPICH looks for networks
        ip netns add beta && ip link add eth0 type veth peer name eth0 netns beta
}
if [ "${1:-}" != inside ]; then
    user=
    [ "$(id -u)" = 0 ] || user="--user --map-root-user"
    hosts="unshare --mount --net --uts --ipc --pid --fork --kill-child --mount-proc $user"
    $hosts bash -c "$(declare -f network); network" 2> /dev/null ||
        { echo "hosts: skipped, there is no ip or pgrep, or it may not make networks here"; exit 0; }
    exec $hosts "$0" inside "$(realpath "$1")" "$(realpath "$2")" "$3"
fi
telesgd=$2 mpi=$3 mpirun=$4
. "$(dirname "$(realpath "$0")")/mpirun.sh"
# Not below a folder of the user's, over which something may be mounted here.
dir=$(TMPDIR= mktemp -d) && cd "$dir" && trap 'rm -rf "$dir"' EXIT
export TMPDIR="$dir"
network
for host in "" "-n beta"; do
    ip $host address add "10.9.8.$([ "$host" ] && echo 2 || echo 1)/24" dev eth0
    ip $host link set eth0 up
    ip $host link set lo up
done
for ((i = 0; i < 50; i++)); do                  # the second comes up a moment later
    ip -n beta link show eth0 | grep -q 'state UP' && break
    sleep 0.1
done
mkdir own beta                                  # beta is beta's own
printf '127.0.0.1 localhost\n10.9.8.1 alpha\n10.9.8.2 beta\n' > names
mount --bind names /etc/hosts
mount -t tmpfs tmpfs /dev/shm
hostname alpha
# In the place of ssh: ssh OPTION.. HOST COMMAND..
cat > ssh << 'END'
#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
shift
exec ip netns exec beta unshare --uts --mount --ipc --pid --fork --mount-proc sh -c \
    'hostname beta && mount -t tmpfs tmpfs /dev/shm && mount --bind beta own && sh -c "$*"; exit $?' sh "$@"
END
chmod +x ssh
# spread EACH PROGRAM ARGUMENT..: as many ranks on each host.
spread() {
    local each=$1 over
    shift
    case $kind in
    openmpi) over="${flags/--oversubscribe/} --mca plm_rsh_agent $dir/ssh --host alpha:$each,beta:$each" ;;
    mpich) over="-launcher ssh -launcher-exec $dir/ssh -hosts alpha:$each,beta:$each -n $((2 * each))" ;;
    esac
    timeout --foreground -k 5 120 "$mpirun" $over "$@" < /dev/null
}
plain() { grep -o '"\(round\|state_hash\|test_loss\|bytes_gossip\|bytes_teleport\)":[^,}]*' "$1"; }
bad=0
complain() {
    bad=$((bad + 1))
    echo "hosts: $1"
    head -5 err
}
run="train --data digits --model mlp:16 --nodes 21 --rounds 60 --eval-every 7 --progress off"
for case in "--active 5 --momentum 0.9" "--method dsgd --topology exp"; do
    "$telesgd" $run $case --log want --save want.st > /dev/null
    for each in 1 2; do
        rm -f log save
        spread $each "$mpi" $run $case --threads 1 --log log --save save > out 2> err ||
            complain "code $?: $each ranks on each, $case"
        cmp -s <(plain want) <(plain log) && cmp -s want.st save || complain "differs: $each ranks on each, $case"
    done
done
long="${run/--rounds 60/--rounds 100000000} --active 5 --threads 1 --checkpoint own/file"
# Ctrl-C: SIGINT, which timeout passes on to mpirun.
spread 1 "$mpi" $long --log long > out 2> err &
started=$!
await long || complain "no evaluation in a minute: to be interrupted"
kill -INT "$(pgrep -P $started)"
wait $started
grep -q '"interrupted":true' long && mv own/file old || complain "not interrupted, or no checkpoint"
# The second time beta has a copy of the checkpoint that they went on from; alpha writes newer ones.
for resume in "" "--resume own/file"; do
    rm -f long own/file
    [ "$resume" ] && cp old own/file && cp old beta/file
    spread 1 "$mpi" $long --log long $resume > out 2> err &
    started=$!
    await long || complain "no evaluation in a minute: $resume"
    for one in $(pgrep -x telesgd-mpi); do      # the rank comes before its witness
        [ "$(readlink "/proc/$one/ns/net")" = "$(readlink /proc/self/ns/net)" ] || { kill -KILL "$one" && break; }
    done
    wait $started
    code=$?
    [ $code != 0 ] && [ $code != 124 ] || complain "code $code where a rank was killed: $resume"
    grep -q "rank 1 on beta has died.*; rank 0 writes checkpoints on alpha, into 'own/file'" err ||
        complain "not said that rank 1 on beta has died: $resume"
done
[ $bad = 0 ] && echo "hosts: as on one"
