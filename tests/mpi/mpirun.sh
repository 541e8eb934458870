# To be sourced, with the name of an mpirun in $mpirun.
#     over RANKS PROGRAM ARGUMENT..
# The program over as many ranks, more of them than CPUs if need be, and for two minutes at most: then its code
# is 124.
#     await LOG
# Until there is such a log with an evaluation in it; a minute at most.
case $("$mpirun" --version 2>&1) in
*"Open MPI"* | *OpenRTE*) kind=openmpi flags="--oversubscribe --bind-to none" ;;
*) kind=mpich flags= ;;
esac
if [ $kind = openmpi ] && [ "$(id -u)" = 0 ]; then flags="$flags --allow-run-as-root"; fi
over() {
    local ranks=$1
    shift
    timeout --foreground -k 5 120 "$mpirun" $flags -n "$ranks" "$@" < /dev/null
}
await() {
    local i
    for ((i = 0; i < 600; i++)); do
        grep -q '"type":"eval"' "$1" 2> /dev/null && return
        sleep 0.1
    done
    return 1
}
