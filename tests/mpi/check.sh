#!/usr/bin/env bash
# All that is looked at over MPI, with each MPI that is installed: the operations alone, the same bits, what
# crosses ranks, how runs begin and end, two hosts; natively and under AddressSanitizer.
#     MAKE=make check.sh quick|full
set -eu
cd "$(dirname "$0")/../.."
size=$1 here=tests/mpi found= first=0
build() { ${MAKE:-make} --no-print-directory "$@"; }
build build/release/telesgd
for flavour in openmpi mpich; do
    command -v mpicc.$flavour mpirun.$flavour > /dev/null || continue
    mpirun=mpirun.$flavour
    for variant in release asan; do
        at=build/$variant/mpi/mpicc.$flavour
        build VARIANT=$variant MPICC=mpicc.$flavour $at/telesgd-mpi $at/ops $at/shim.so
    done
    export ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0     # MPI's own leaks; a shim comes first
    . $here/mpirun.sh
    if [ $flavour = mpich ] && over 2 $at/telesgd-mpi list methods 2>&1 | grep -q "each is alone"; then
        echo "check-mpi: skips MPICH, whose library does not know its own mpirun (Ubuntu 24.04)"
        continue
    fi
    unset ${!OMPI_MCA_btl_vader_@}
    for ranks in 1 3 4; do over $ranks $at/ops $ranks; done
    OMPI_MCA_btl_vader_eager_limit=4096 over 2 $at/ops 2        # what Open MPI does by itself
    if [ "$size" = full ]; then
        $here/matrix.sh build/release/telesgd $at/telesgd-mpi $at/shim.so $mpirun quick
        at=build/release/mpi/mpicc.$flavour
        $here/matrix.sh build/release/telesgd $at/telesgd-mpi $at/shim.so $mpirun full
        $here/count.sh build/release/telesgd $at/telesgd-mpi $at/shim.so $mpirun
        $here/ends.sh $at/telesgd-mpi $at/shim.so $mpirun
    else        # half of the cases with each MPI, some of them under the sanitizer
        FIRST=$((first + 2)) STEP=8 $here/matrix.sh build/release/telesgd $at/telesgd-mpi $at/shim.so $mpirun quick
        at=build/release/mpi/mpicc.$flavour
        FIRST=$first STEP=4 $here/matrix.sh build/release/telesgd $at/telesgd-mpi $at/shim.so $mpirun quick
        if [ $first = 0 ]; then $here/count.sh build/release/telesgd $at/telesgd-mpi $at/shim.so $mpirun; fi
        if [ $first = 0 ]; then QUICK=1 $here/ends.sh $at/telesgd-mpi $at/shim.so $mpirun; fi
    fi
    $here/hosts.sh build/release/telesgd $at/telesgd-mpi $mpirun
    found="$found $flavour" first=1
done
[ -n "$found" ] || { echo "check-mpi: there is no Open MPI, nor an MPICH that runs; 'make deps-mpi' installs one"; exit 1; }
echo "check-mpi: with$found"
