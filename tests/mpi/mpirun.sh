# To be sourced, with the name of an mpirun in $mpirun.
#     over RANKS PROGRAM ARGUMENT..
# The program over as many ranks, more of them than CPUs if need be, and never for longer than $LONGEST
# seconds: then its code is 124.
case $("$mpirun" --version 2>&1) in
*"Open MPI"* | *OpenRTE*) kind=openmpi flags="--oversubscribe --bind-to none" ;;
*) kind=mpich flags= ;;
esac
if [ $kind = openmpi ] && [ "$(id -u)" = 0 ]; then flags="$flags --allow-run-as-root"; fi
over() {
    local ranks=$1
    shift
    timeout --foreground -k 5 "${LONGEST:-120}" "$mpirun" $flags -n "$ranks" "$@" < /dev/null
}
