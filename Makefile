# telesgd. `make` builds the program; `make run` and `make test` also install what is missing.
#   make            the program, build/release/telesgd; installs nothing
#   make run        trains on Fashion-MNIST, D-SGD beside TELEPORTATION, and shows the result
#   make test       every Criterion test, and the corpus of hostile files
#   make faults     every call that can fail fails once, and what is left is judged; EVERY=40: only
#                   every so manieth
#   make power      the machine loses power while files are written
#   make kills      trainings are killed and go on; KILLS=500
#   make kills-mpi  the same over ranks, another number of them each time; KILLS_MPI=60,
#                   LAUNCHER="mpirun --bind-to none -n"
#   make model      the protocol's models and its memory orders, explored in full, each rule left out;
#                   SIZE=quick: the smallest sizes
#   make stress     the race programs, natively, with random delays
#   make check      tests and race programs under the sanitizers
#   make check-tsan the program itself under ThreadSanitizer, over methods, gossip, threads and the rest
#   make check-arm  the kernels for NEON, and short trainings, cross-compiled and emulated
#   make check-bits  kernels have the same bits at every -O of gcc, and by clang
#   make bits-update, make golden-update  where other bits are meant: writes the digests of what
#                   kernels compute, and the bits of short trainings, anew
#   make mpi        build/release/telesgd-mpi, for several processes and machines; MPICC=mpicc.mpich:
#                   with another MPI than Debian's choice; installs nothing, 'make deps-mpi' does
#   make check-mpi  runs over ranks of Open MPI, and of MPICH where it is installed; SIZE=full: all
#   make check-page the page of `telesgd report`, and a flame graph, in a headless Chromium
#   make check-clang  everything compiled by clang, with the tests of what it computes
#   make fuzz       hostile files and settings, made up by libFuzzer; SECONDS=60 each target, JOBS=1,
#                   TARGETS="log cli": only these
#   make lint       columns of C, who includes whom, and who calls the mathematics of the C library
#   make hardened   the built program has its guards of memory
#   make library    the shared library shows what its header declares, and is a guest: .ci/library
#   make abi        telesgd.h has the functions and types that .ci/telesgd.abi says; make abi-update
#                   writes that anew
#   make analyze    clang-tidy and cppcheck; ends with no finding
#   make coverage   which lines and branches of src the tests reach: build/coverage/coverage.html
#   make mutants    breaks the protocol on purpose and sees the race programs notice
#   make bench      the benchmarks, also as build/bench.json; BENCH="step peak": only these
#   make bench-compare BASE=rev   the benchmarks of two revisions in turns; BENCH, REPEATS=5
#   make bench-ranks  what ranks of MPI cost here, and what was foretold of it; REPEATS=5
#   make scaling    how runs would scale to 1,024 ranks, as build/scaling.md and .svg
#   make bench-crew  what one worker and two take here, and what was foretold of it; REPEATS=3
#   make bench-shared  two workers where loops keep none, one or both of two CPUs busy; REPEATS=3
#   make scaling-crew  how one process would scale to 256 workers, as build/scaling_crew.md and .svg
#   make picture    the README's picture: the same two runs, evaluated more often
#   make paper      experiments of the paper and their page, in minutes; FULL=1: in full, in hours
#   make install    program, manual pages, completion, header, library (shared, and an archive),
#                   pkg-config file (prefix, libdir, DESTDIR)
#   make deb        Debian packages of all that, in build/deb
# Nothing is written outside build/ but by `make install`, and perf/paper/ by `make paper`.

ifeq ($(MAKELEVEL),0)
MAKEFLAGS += --jobs=$(shell nproc 2>/dev/null || echo 2)
endif
CC := $(if $(filter default,$(origin CC)),gcc,$(CC))
VARIANT ?= release
B := build/$(VARIANT)
OPT_release = -O3 $(HARDEN)
OPT_debug := -O0 -g3
OPT_arm := -O2
OPT_clang := -O2
# Delays between the steps of the protocol, at random, in the variants that look for races.
OPT_stress := -O3 -g -DTSGD_JITTER
OPT_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined -DTSGD_JITTER
# Counts of what ran: threads add to them at once, and -O1 keeps lines apart.
OPT_coverage := -O1 -g --coverage -fprofile-update=atomic
OPT_tsan := -O1 -g -fsanitize=thread -DTSGD_JITTER
# What libFuzzer needs in all code, beside a sanitizer; -O1 keeps branches apart that it counts. The C
# library's inline getc would read what MemorySanitizer has not seen being written.
OPT_fuzz := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined,float-cast-overflow -fno-sanitize-recover=undefined,float-cast-overflow
OPT_msan := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,memory -fsanitize-memory-track-origins -D__NO_INLINE__
# What turns a write beyond a buffer into a stop, in what users run; .ci/hardened looks whether it is
# there. Some distributions define _FORTIFY_SOURCE themselves. 3 also checks sizes that only the run
# knows, where the compiler and the C library can.
FORTIFY := $(shell $(CC) -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -include features.h -E -dM -x c /dev/null 2>/dev/null | sed -n 's/^.define __USE_FORTIFY_LEVEL //p')
HARDEN := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$(or $(FORTIFY),2) -fstack-protector-strong -fPIE
LDHARDEN_release := -pie -Wl,-z,relro,-z,now
# src/simd is compiled once for each instruction set, and one is chosen at start (linalg/isa.c); all
# else runs on every processor of the architecture that has the narrowest.
# portable has the bits of those with a fused multiply-add, which it emulates, and is slow.
ISAS_x86_64 := sse4 avx2 avx512 portable
ISAS_aarch64 := neon
ISA_sse4 := -march=x86-64-v2
ISA_avx2 := -march=x86-64-v3
ISA_avx512 := -march=x86-64-v4 -mprefer-vector-width=512
ISA_portable := -march=x86-64 -DTSGD_EMULATED
MACHINE := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine 2>/dev/null)))
ISAS := $(or $(ISAS_$(MACHINE)),plain)
# Whoever looks at a program that runs, perf record -g or a debugger, follows its frame pointers: a
# register less, of which no step is slower (perf/README.md).
FRAMES := -fno-omit-frame-pointer $(if $(filter x86_64 aarch64,$(MACHINE)),-mno-omit-leaf-frame-pointer)
MULTI := $(shell $(CC) -print-multiarch 2>/dev/null)
BLIS ?= /usr/lib/$(MULTI)/blis-serial/libblis.a   # -lblis would load the OpenMP variant
CPP := -Iinclude -Isrc -Itests -isystem /usr/include/$(MULTI)/blis-serial -D_GNU_SOURCE -MMD -MP $(CPPFLAGS)
# Nobody reads errno after mathematics, and a sqrtf that sets it could not be made a vector of.
# Products are contracted with sums where the code says so, and nowhere else, with any compiler.
# A large frame touches each page of the stack, and so cannot jump over its end. Not by clang: version
# 14 then changes the flags between a comparison and its jump, and a torus of 2 x 3 had other weights.
CLASH := $(if $(shell $(CC) -dM -E -x c /dev/null 2>/dev/null | grep __clang__),,-fstack-clash-protection)
CF := -std=c11 -fno-math-errno -ffp-contract=off $(CLASH) -Wall -Wextra -Wshadow -Wmissing-prototypes -Wconversion -Wundef -Wstrict-prototypes -pthread $(FRAMES) $(OPT_$(VARIANT)) $(ISA_$(firstword $(ISAS))) $(CFLAGS)
LIBS := -lz -lzip -ljansson -lm
# The number of the shared library: another one for a version that programs linked before cannot use.
SO := 0
REV := $(or $(shell test -e .git && git describe --always --dirty 2>/dev/null),unknown)

obj = $(patsubst %.c,$(B)/%.o,$(wildcard $(1)))
simd = $(foreach i,$(ISAS),$(patsubst %.c,$(B)/%.$(i).o,$(wildcard src/simd/*.c)))
prog = $(patsubst %.c,$(B)/%,$(notdir $(wildcard $(1))))
say = $(if $(V),,@echo '  $(1)$@';)           # V=1 shows the commands
link = $(call say,link      )$(CC) $(CF) $(LDHARDEN_$(VARIANT)) $(LDFLAGS) $(filter %.o %.a,$^) $(BLIS) $(LIBS) $(1) -o $@

# The program's own folders; all else is the library, but for src/mpi: see telesgd-mpi.
PROGRAM := command sweep web bench compare log cli
$(B)/telesgd: $(call obj,$(PROGRAM:%=src/%/*.c)) $(B)/libtelesgd.a ; $(call link,-linih)
LIBRARY := $(filter-out $(PROGRAM:%=$(B)/src/%/%) $(B)/src/mpi/% $(B)/src/simd/%,$(call obj,src/*/*.c)) $(simd)
$(B)/libtelesgd.a: $(LIBRARY) ; $(call say,archive   )rm -f $@ && $(AR) rcs $@ $^
# One set of objects for both: code that may lie anywhere costs nothing here, and others may make a
# library of their own of the archive. telesgd.h says what is visible from outside. What is taken of
# BLIS stays inside, so that a process may load another one.
$(LIBRARY): private CF += $(FOR_LIBRARY)
FOR_LIBRARY := -fPIC -fvisibility=hidden
# Not with a sanitizer, which the program that loads it would need too.
SHARED := $(if $(findstring sanitize,$(OPT_$(VARIANT))),,$(B)/libtelesgd.so.$(SO))
$(B)/libtelesgd.so.$(SO): $(LIBRARY) src/telesgd.map
	$(call say,link      )$(CC) $(CF) -shared -Wl,-soname,$(@F) -Wl,--version-script=src/telesgd.map -Wl,--exclude-libs,ALL \
	    -Wl,-Bsymbolic-functions -Wl,-z,defs -Wl,-z,relro,-z,now $(LDFLAGS) $(LIBRARY) $(BLIS) $(LIBS) -o $@
# Of the program's own, what benchmarks measure limits with, and tests look at.
BENCH_PARTS := limits load
$(B)/unit: $(call obj,tests/unit/*.c tests/sim/*.c) $(BENCH_PARTS:%=$(B)/src/bench/%.o) $(B)/src/mpi/metis.o $(B)/libtelesgd.a ; $(call link,-lmetis -lcriterion)
# Programs of callers, against the public header alone.
EXAMPLES := $(patsubst tests/examples/%.c,$(B)/example_%,$(wildcard tests/examples/*.c))
$(B)/tests/examples/%.o: private CPP := -Iinclude -MMD -MP
$(B)/example_%: $(B)/tests/examples/%.o $(B)/libtelesgd.a ; $(call link)
$(B)/stress_%: $(B)/tests/stress/stress_%.o $(call obj,tests/sim/*.c) $(B)/libtelesgd.a ; $(call link)
# Programs that watch telesgd while its calls fail, while the power goes, or while it is killed.
$(B)/faults: $(call obj,$(patsubst %,tests/faults/%.c,faults tree watch))
	$(call say,link      )$(CC) $(CF) $(LDFLAGS) $^ -ljansson -o $@
$(B)/power: $(call obj,$(patsubst %,tests/faults/%.c,power tree watch)) ; $(call say,link      )$(CC) $(CF) $(LDFLAGS) $^ -o $@
$(B)/kills: $(call obj,$(patsubst %,tests/faults/%.c,kills tree)) ; $(call say,link      )$(CC) $(CF) $(LDFLAGS) $^ -o $@
$(B)/shim.so: $(B)/tests/faults/shim.o ; $(call say,link      )$(CC) $(CF) $(LDFLAGS) -shared $^ -o $@
$(B)/tests/faults/shim.o: private CF += -fPIC
include tests/fuzz/fuzz.mk
# telesgd by a clock that jumps.
$(B)/telesgd-jumping: $(call obj,$(PROGRAM:%=src/%/*.c)) $(B)/tests/faults/clock.o $(B)/libtelesgd.a ; $(call link,-linih)
$(B)/bench_%: $(B)/perf/bench_%.o $(B)/perf/bench.o $(B)/perf/limits.o $(BENCH_PARTS:%=$(B)/src/bench/%.o) $(B)/tests/sim/settings.o $(B)/libtelesgd.a ; $(call link)
# Nothing but the C library: for processors that are only emulated here.
$(B)/kernels: $(call obj,tests/arm/kernels.c tests/sim/guard.c tests/sim/kernels_*.c tests/sim/ref.c) \
  $(call obj,src/linalg/isa.c src/linalg/mix.c src/linalg/csr.c $(addprefix src/base/,elementary.c text.c status.c format.c mem.c cgroup.c)) $(simd)
	$(call say,link      )$(CC) $(CF) $(LDFLAGS) $^ -lm -o $@
# The whole program, without Criterion.
$(B)/golden: $(filter-out $(B)/src/command/start.o,$(call obj,$(PROGRAM:%=src/%/*.c))) $(call obj,tests/arm/golden.c tests/sim/golden.c) $(B)/libtelesgd.a ; $(call link,-linih)
$(B)/%.o: %.c $(B)/flags ; $(call say,compile   )mkdir -p $(@D) && $(CC) $(CPP) $(CF) -c $< -o $@
# The assembler reads these, which -MMD does not see.
$(B)/src/data/digits.o: $(wildcard datasets/digits/*.gz)
# The one file that a new revision compiles.
$(B)/src/base/build.o: private CPP += -DTSGD_REVISION='"$(REV)"'
$(B)/src/base/build.o: $(B)/revision
$(B)/src/web/page.o: $(wildcard src/web/assets/*)
# What callers of the library must have of stack is told in telesgd.h.
$(B)/src/%.o: private CF += $(if $(filter release,$(VARIANT)),-Wframe-larger-than=24576)
# BLIS's own header shifts into the sign of an int.
$(B)/src/linalg/blocking.o: private CF += $(if $(filter asan fuzz,$(VARIANT)),-fno-sanitize=shift)
# Guards cost a small network some percent here; kernels write where the caller says, and into sums of
# a fixed number of lanes.
$(simd): private CF += $(if $(filter release,$(VARIANT)),-fno-stack-protector -U_FORTIFY_SOURCE) $(if $(filter coverage,$(VARIANT)),-fprofile-update=single)
# clang takes many minutes over convolutions with its sanitizers; gcc's look at them in `make check`.
CF_SIMD = $(if $(LIBFUZZER),$(if $(filter %/conv %/conv_lanes %/conv_weights,$*),$(filter-out -fsanitize% -fno-sanitize%,$(CF)),$(CF)),$(CF))
define SIMD
$(B)/%.$(1).o: %.c $(B)/flags
	$$(call say,compile   )mkdir -p $$(@D) && $$(CC) $$(CPP) $$(CF_SIMD) $$(ISA_$(1)) -DTSGD_ISA=$(1) -c $$< -o $$@
endef
$(foreach i,$(ISAS),$(eval $(call SIMD,$(i))))
$(B)/flags: FORCE        # touched only when the compiler or its flags differ from last time
	@test -e $(BLIS) || { echo "$(strip $(BLIS)) is missing; 'make run' installs what telesgd needs: $(NEED_BUILD)"; exit 1; }
	@mkdir -p $(@D); echo '$(CC) $(CPP) $(CF) $(FOR_LIBRARY)' | cmp -s - $@ || echo '$(CC) $(CPP) $(CF) $(FOR_LIBRARY)' > $@
$(B)/revision: FORCE     # touched only when it is another one
	@mkdir -p $(@D); echo '$(REV)' | cmp -s - $@ || echo '$(REV)' > $@
.SECONDARY:
.DEFAULT_GOAL := $(B)/telesgd
-include $(patsubst %.c,$(B)/%.d,$(wildcard src/*/*.c tests/*/*.c perf/*.c perf/*/*.c)) $(simd:.o=.d)

# ---- what is needed, by package; the reason for each stands in the README ----
NEED_BUILD := gcc libc6-dev libblis-serial-dev zlib1g-dev libzip-dev libjansson-dev libinih-dev libxxhash-dev librandom123-dev
NEED_RUN := $(NEED_BUILD) dataset-fashion-mnist gnuplot-nox
NEED_TEST := $(NEED_RUN) libcriterion-dev libmetis-dev curl wget locales python3-numpy
NEED_CLANG := $(NEED_TEST) clang
NEED_PAGE := $(NEED_BUILD) chromium nodejs
NEED_MODEL := gcc libc6-dev spin
NEED_ANALYZE := $(NEED_BUILD) clang-tidy cppcheck
NEED_LIBRARY := $(NEED_BUILD) g++ clang pkgconf abigail-tools
NEED_DEB := $(NEED_BUILD) build-essential debhelper dpkg-dev fakeroot lintian
NEED_ARM := gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)

# $(call install,PACKAGES,WHAT FOR): says what is missing, installs it with apt, or lists it elsewhere.
define install
@missing=; for p in $(1); do \
    dpkg-query -W -f '$${Status}\n' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
if [ -z "$$missing" ]; then exit 0; fi; \
if ! command -v apt-get >/dev/null; then \
    if [ -n "$(HAVE_DEPS)" ]; then exit 0; fi; \
    echo "telesgd needs these Debian packages, or what your system calls them, $(2):$$missing"; \
    echo "install them, then say: make HAVE_DEPS=1 $@"; exit 1; fi; \
echo "Installing what is missing $(2):$$missing"; \
$(SUDO) apt-get update -qq && \
$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null && \
echo "Installed."
endef

deps-run: ; $(call install,$(NEED_RUN),to build telesgd and to train on Fashion-MNIST)
deps-test: ; $(call install,$(NEED_TEST),to build and test telesgd)
deps-clang: ; $(call install,$(NEED_CLANG),to build telesgd with clang)
deps-page: ; $(call install,$(NEED_PAGE),to look at the page of telesgd report)
deps-model: ; $(call install,$(NEED_MODEL),to check the models of the protocol)
deps-coverage: ; $(call install,$(NEED_TEST) gcovr,to count what the tests of telesgd reach)
deps-analyze: ; $(call install,$(NEED_ANALYZE),to look for bugs in the source of telesgd)
deps-deb: ; $(call install,$(NEED_DEB),to build the Debian packages of telesgd)
deps-library: ; $(call install,$(NEED_LIBRARY),to look at the shared library of telesgd)
deps-arm: ; $(call install,$(NEED_ARM),to test the kernels for NEON)


# The compiler and its directories are asked for only once it is installed, so by a second make.
run: deps-run ; @$(MAKE) --no-print-directory demo
test: deps-test ; @$(MAKE) --no-print-directory unit
check: deps-fuzz
	$(MAKE) --no-print-directory VARIANT=asan unit stress
	$(MAKE) --no-print-directory replay-msan
	$(MAKE) --no-print-directory VARIANT=tsan stress
	$(MAKE) --no-print-directory matrix SIZE=quick
	$(MAKE) --no-print-directory VARIANT=stress stress

check-tsan: deps-test ; @$(MAKE) --no-print-directory matrix
matrix:
	@$(MAKE) --no-print-directory VARIANT=tsan build/tsan/telesgd
	@$(MAKE) --no-print-directory VARIANT=release build/release/telesgd
	tests/stress/tsan.sh build/tsan/telesgd build/release/telesgd $(or $(SIZE),full)
.PHONY: check-tsan matrix

check-page: deps-page ; @$(MAKE) --no-print-directory page
page: $(B)/telesgd
	node tests/page/check.js $< build/page
	node tests/page/flame.js build/page

# Kernels first: they need no library. Then the whole program, with Debian's libraries for arm64, which are
# unpacked in build/arm/root: those that it is compiled with, and what libzip needs.
ARM_LIBS := $(filter-out gcc libc6-dev,$(NEED_BUILD)) libzip4 zlib1g libbz2-1.0 libssl3
A := $(CURDIR)/build/arm/root
ARM_LIB := $(A)/usr/lib/aarch64-linux-gnu
ARM := CC=aarch64-linux-gnu-gcc VARIANT=arm \
    CPPFLAGS='-isystem $(A)/usr/include -isystem $(A)/usr/include/aarch64-linux-gnu/blis-serial'
check-arm: deps-arm
	@$(MAKE) --no-print-directory $(ARM) BLIS=/dev/null build/arm/kernels
	qemu-aarch64 -L /usr/aarch64-linux-gnu build/arm/kernels
	@if tests/arm/root.sh build/arm/root $(ARM_LIBS); then $(MAKE) --no-print-directory check-arm-golden; \
	else echo 'check-arm: the short trainings were left out; the kernels alone were checked'; fi
check-arm-golden:
	@$(MAKE) --no-print-directory $(ARM) BLIS=$(ARM_LIB)/blis-serial/libblis.a LDFLAGS='-L$(ARM_LIB) -Wl,-rpath-link,$(ARM_LIB):$(A)/lib/aarch64-linux-gnu' build/arm/golden
	@mkdir -p build/arm/trained
	qemu-aarch64 -L /usr/aarch64-linux-gnu -E LD_LIBRARY_PATH=$(ARM_LIB):$(A)/lib/aarch64-linux-gnu build/arm/golden build/arm/trained

# Kernels must not depend on what a compiler makes of them: their digests at every -O, and by clang.
check-bits: deps-clang
	@set -e; for o in gcc-O1 gcc-O2 gcc-O3 clang-O2; do \
	    case $$o in clang*) cc=clang;; *) cc='$(CC)';; esac; \
	    $(MAKE) --no-print-directory CC="$$cc" VARIANT=bits-$$o OPT_bits-$$o=-$${o#*-} BLIS=/dev/null build/bits-$$o/kernels; \
	    echo "$$o:"; build/bits-$$o/kernels --digests; done
.PHONY: check-bits
# The digests that every processor must find; .PHONY, because only people know when they may change.
bits-update: $(B)/kernels ; $< --bits > build/kernels_bits.h && mv build/kernels_bits.h tests/sim/kernels_bits.h
# The bits of short trainings. Right only where results are meant to change, and then said to users.
golden-update: $(B)/unit $(B)/telesgd
	rm -f build/golden && GOLDEN_UPDATE=$(CURDIR)/build/golden $< --filter 'golden/*' --jobs 1
	mv build/golden tests/unit/golden_list.h
.PHONY: bits-update golden-update

# All that can be compiled, and the suites that look at kernels and layers.
CLANG_SUITES := @(isa|bits|elementary|golden|gemm|products|mix|normals|kernels|decode|augment|net|loss|layers|backend)/*
check-clang: deps-clang
	@$(MAKE) --no-print-directory CC=clang VARIANT=clang CFLAGS='$(CFLAGS) -Werror' everything
	build/clang/unit --filter '$(CLANG_SUITES)' --jobs 2

debug: ; @$(MAKE) --no-print-directory VARIANT=debug
# The runner's own threads leak a little; the tests must not.
unit: $(B)/unit $(B)/telesgd $(B)/telesgd-jumping $(call prog,perf/bench_*.c) $(EXAMPLES) $(SHARED) replay ; LSAN_OPTIONS=suppressions=$(CURDIR)/tests/unit/lsan.supp:print_suppressions=0 $< --jobs 2
everything: $(B)/telesgd $(B)/unit $(EXAMPLES) $(SHARED) $(B)/replay $(if $(filter x86_64,$(MACHINE)),$(B)/faults $(B)/power $(B)/kills $(B)/shim.so) $(call prog,tests/stress/stress_*.c perf/bench_*.c)
stress: $(call prog,tests/stress/stress_*.c) ; @set -e; for t in $^; do $$t $(STRESS_ARGS); done
BENCHES := $(if $(BENCH),$(BENCH:%=$(B)/bench_%),$(call prog,perf/bench_*.c))
bench: $(BENCHES) ; @REV=$(REV) perf/bench.sh build/bench.json $^
bench-compare: $(if $(BASE),$(BENCHES))
	$(if $(BASE),,$(error bench-compare: BASE is missing; say which revision to compare with: make bench-compare BASE=HEAD~1))
	@MAKE='$(MAKE)' perf/compare.sh '$(BASE)' '$(or $(REPEATS),5)' $^
# Profiles as perf/README.md makes them, and whether their stacks are whole. perf is Debian's linux-perf.
check-flame: $(B)/telesgd ; perf/flame.sh $< build/flames
.PHONY: check-flame
# Sweeps stay in build/paper, and are gone on with.
paper: deps-run ; @$(MAKE) --no-print-directory paper-page
paper-page: $(B)/telesgd ; perf/paper/paper.sh $< build/paper/$(if $(FULL),full,quick) $(if $(FULL),full,quick)
.PHONY: faults power kills kills-mpi
# On x86-64, whose registers they read.
FAULTS := $(B)/faults $(B)/telesgd $(B)/shim.so
faults: $(FAULTS) ; $(FAULTS) $(EVERY)
kills: $(B)/kills $(B)/telesgd ; $^ $(KILLS)
KILLS := 500
kills-mpi: $(B)/kills $(B)/telesgd mpi ; $< $(B)/telesgd $(KILLS_MPI) 1 $(B)/telesgd-mpi "$(LAUNCHER)"
KILLS_MPI := 60
LAUNCHER := mpirun --oversubscribe --bind-to none -n
power: $(B)/power $(FAULTS) ; $< $(wordlist 2,3,$(FAULTS))
mutants: ; tests/stress/mutants.sh

# ---- ranks that are processes of MPI: telesgd-mpi ----
# The program with src/mpi in the place of its main. What MPI's own compiler compiles lies in a folder
# by that compiler's name, so that MPICC=mpicc.mpich takes nothing that was compiled for another MPI.
MPICC ?= mpicc
M := $(B)/mpi/$(notdir $(MPICC))
MPI_COMPILE = OMPI_CC='$(CC)' MPICH_CC='$(CC)' $(MPICC)
mpilink = $(call say,link      )$(MPI_COMPILE) $(CF) $(LDHARDEN_$(VARIANT)) $(LDFLAGS) $(filter %.o %.a,$^) $(BLIS) $(LIBS) $(1) -o $@
mpi: $(M)/telesgd-mpi
	@command -v $(MPICC) >/dev/null
	@cmp -s $< $(B)/telesgd-mpi || { cp $< $(B)/telesgd-mpi.new && mv $(B)/telesgd-mpi.new $(B)/telesgd-mpi; }
$(M)/telesgd-mpi: $(filter-out $(B)/src/command/start.o,$(call obj,$(PROGRAM:%=src/%/*.c))) \
  $(patsubst %.c,$(M)/%.o,$(wildcard src/mpi/*.c)) $(B)/libtelesgd.a ; $(call mpilink,-linih -lmetis)
$(M)/ops: $(M)/tests/mpi/ops.o $(M)/src/mpi/mpi.o $(M)/src/mpi/bell.o ; $(call mpilink)
$(M)/shim.so: $(M)/tests/mpi/shim.o ; $(call say,link      )$(MPI_COMPILE) $(CF) $(LDFLAGS) -shared $^ -o $@
$(M)/tests/mpi/shim.o: private CF += -fPIC
$(M)/%.o: %.c $(M)/flags ; $(call say,compile   )mkdir -p $(@D) && $(MPI_COMPILE) $(CPP) $(CF) -c $< -o $@
$(M)/flags: $(B)/flags FORCE    # touched also when mpicc has become that of another MPI
	@command -v $(MPICC) >/dev/null || { echo "$(MPICC) is missing; 'make deps-mpi' installs Open MPI, and 'make deps-mpi MPICC=mpicc.mpich' MPICH"; exit 1; }
	@mkdir -p $(@D) && $(MPI_COMPILE) -show >$@.new && \
	if cmp -s $@.new $@ && [ ! $(B)/flags -nt $@ ]; then rm $@.new; else mv $@.new $@; fi
-include $(patsubst %.c,$(M)/%.d,$(wildcard src/mpi/*.c tests/mpi/*.c))
NEED_MPI := $(NEED_BUILD) libmetis-dev $(if $(findstring mpich,$(MPICC)),libmpich-dev mpich,libopenmpi-dev openmpi-bin)
deps-mpi: ; $(call install,$(NEED_MPI),to build telesgd-mpi)
check-mpi: deps-mpi ; @MAKE='$(MAKE)' tests/mpi/check.sh $(or $(SIZE),quick)
.PHONY: mpi deps-mpi check-mpi

# ---- ranks that are not there (train --dry-run --ranks), and what they are beside those that are ----
$(M)/rows $(M)/rounds: $(M)/%: $(M)/perf/mpi/%.o $(M)/src/mpi/mpi.o $(M)/src/mpi/bell.o $(B)/libtelesgd.a ; $(call mpilink)
-include $(patsubst %.c,$(M)/%.d,$(wildcard perf/mpi/*.c))
bench-ranks: mpi $(M)/rows $(M)/rounds ; @MPI=$(M) perf/ranks.sh $(or $(REPEATS),5)
scaling: $(B)/telesgd ; @TELESGD=$< perf/scaling.sh
# The same in one process: beside what one worker and two take here; and with 8 to 256 of them.
bench-crew: $(B)/telesgd ; @TELESGD=$< perf/crew.sh $(or $(REPEATS),3)
bench-shared: $(B)/telesgd ; @TELESGD=$< perf/shared.sh $(or $(REPEATS),3)
scaling-crew: $(B)/telesgd ; @TELESGD=$< perf/scaling_crew.sh
.PHONY: bench-ranks scaling bench-crew bench-shared scaling-crew

# ---- the protocol's models (tests/model) ----
# The explorer compiles the engine's own text with a <stdatomic.h> of its own; of each file what its programs
# do not reach falls away, so that nothing else need be linked.
model: deps-model ; @$(MAKE) --no-print-directory orders && tests/model/model.sh build/model/spin $(or $(SIZE),full)
orders: build/model/explorer ; $< $$(grep -ohE 'memory_order_(acquire|release|acq_rel|seq_cst)' src/engine/*.[ch] | wc -l)
build/model/explorer: $(wildcard tests/model/explorer/*.[ch] src/engine/*.[ch])
	$(call say,compile   )mkdir -p $(@D) && $(CC) -std=c11 -O2 -D_GNU_SOURCE -Wall -Wextra -Wno-unused -Wno-unused-parameter \
	    -ffunction-sections -Wl,--gc-sections -Itests/model/explorer -Iinclude -Isrc $(filter tests/%.c,$^) -lm -o $@
.PHONY: model orders deps-model

# The checkers are tried on trees made up for them, and then look at this one.
lint: ; @.ci/lint-test && bad=0; .ci/columns || bad=1; .ci/arrows || bad=1; .ci/libm || bad=1; exit $$bad

# ---- bugs that tools see in the source: .clang-tidy, .ci/cppcheck; and what tests do not reach ----
TIDY := $(patsubst %.c,$(B)/%.tidy,$(filter-out src/mpi/%,$(wildcard src/*/*.c)))
LAST_ISA := $(lastword $(filter-out avx512 portable,$(ISAS)))
LOOK := $(filter-out -MMD -MP,$(CPP)) -std=c11 -DTSGD_REVISION='"$(REV)"'
$(B)/%.tidy: %.c $(B)/%.o .clang-tidy
	$(call say,clang-tidy )clang-tidy --quiet $< -- $(LOOK) $(ISA_$(firstword $(ISAS))) 2>/dev/null && touch $@
$(B)/src/simd/%.tidy: src/simd/%.c $(B)/src/simd/%.$(LAST_ISA).o .clang-tidy
	$(call say,clang-tidy )clang-tidy --quiet $< -- $(LOOK) $(ISA_$(LAST_ISA)) -DTSGD_ISA=$(LAST_ISA) 2>/dev/null && touch $@
# Not where gcc's analyzer errs: what another file finds by name, a struct that moves to its owner.
FANALYZE := $(filter-out src/base/file.c src/data/dataset.c src/topology/topology.c,$(wildcard $(patsubst %,src/%/*.c,base topology cli linalg log data method scenario)))
$(B)/%.analyzed: %.c $(B)/%.o
	$(call say,analyze   )$(CC) $(LOOK) $(ISA_$(firstword $(ISAS))) -O1 -fanalyzer -Werror -c $< -o /dev/null && touch $@
fanalyzer: $(FANALYZE:%.c=$(B)/%.analyzed)
.PHONY: cppcheck tidy fanalyzer analyze coverage counted
cppcheck: ; cppcheck --quiet --error-exitcode=1 --std=c11 --language=c --enable=warning,performance,portability -j2 -Iinclude -Isrc -D_GNU_SOURCE -D__x86_64__ -DTSGD_ISA=avx2 --suppressions-list=.ci/cppcheck --library=posix,gnu src
tidy: $(TIDY)
coverage: deps-coverage ; @$(MAKE) --no-print-directory VARIANT=coverage counted
counted: $(B)/unit $(B)/telesgd $(B)/telesgd-jumping $(call prog,perf/bench_*.c) $(EXAMPLES) $(SHARED) ; tests/coverage.sh $(B)
analyze: deps-analyze ; @$(MAKE) --no-print-directory cppcheck tidy fanalyzer

# What was built is looked at, not the flags.
hardened: $(B)/telesgd $(B)/libtelesgd.a ; CC='$(CC)' .ci/hardened $^

# The shared library: what it shows, what it calls, what it keeps; and the header by itself.
library: ; @$(MAKE) --no-print-directory install prefix=$(CURDIR)/build/library >/dev/null && CC='$(CC)' .ci/library build/library

# Packages for Debian, in build/deb: telesgd, libtelesgd0, libtelesgd-dev.
deb: deps-deb ; @.debian/build '$(VERSION)' '$(REV)'
all: $(B)/telesgd $(B)/libtelesgd.a $(B)/libtelesgd.so.$(SO)
.PHONY: deb all deps-deb

# Its functions and types, beside those that were agreed to.
abi: ; @CC='$(CC)' .ci/abi compare
abi-update: ; @CC='$(CC)' .ci/abi update
.PHONY: library abi abi-update

# ---- the demonstration: equal gradient evaluations for both methods ----
R := build/run
COMMON := --data fashion-mnist --model lenet --nodes 100 --partition dirichlet-even:0.1 --topology ring --lr 0.05 --momentum 0.9
demo: $(B)/telesgd
	@mkdir -p $(R)
	@echo "100 nodes share Fashion-MNIST, each with few of the ten classes (Dirichlet 0.1)."
	@echo; echo "1. Decentralized SGD: all 100 nodes step and gossip on a ring, $(DEMO_DSGD) rounds."
	$(B)/telesgd train $(DSGD) --log $(R)/dsgd.jsonl --save $(R)/dsgd.safetensors --progress plain
	@echo; echo "2. TELEPORTATION: 8 tokens travel between the 100 nodes, $(DEMO_TELEPORT) rounds; as many gradients."
	$(B)/telesgd train $(TELEPORT) --log $(R)/teleport.jsonl --save $(R)/teleport.safetensors --progress plain
	@echo; $(B)/telesgd compare $(R)/dsgd.jsonl $(R)/teleport.jsonl --plot $(R)/curves.svg --force
	@$(B)/telesgd report $(R)/dsgd.jsonl $(R)/teleport.jsonl -o $(R)/report.html --force
	@echo; echo "Files: $(R)/dsgd.jsonl $(R)/teleport.jsonl (logs, JSON lines), $(R)/dsgd.safetensors $(R)/teleport.safetensors (parameters)"
DEMO_DSGD := 200
DEMO_TELEPORT := 2500
DSGD = $(COMMON) --method dsgd --rounds $(DEMO_DSGD)
TELEPORT = $(COMMON) --method teleport --active 8 --rounds $(DEMO_TELEPORT)

# Each curve has an evaluation every 400 gradients. What git keeps is a copy, perf/dsgd-teleport.svg.
picture: deps-run ; @$(MAKE) --no-print-directory curves
curves: $(B)/telesgd
	@mkdir -p $(R)
	$(B)/telesgd train $(DSGD) --eval-at-start --eval-every 4 --progress off --log $(R)/dsgd-curve.jsonl
	$(B)/telesgd train $(TELEPORT) --eval-at-start --eval-every 50 --progress off --log $(R)/teleport-curve.jsonl
	awk -v heading='LeNet on Fashion-MNIST: 100 nodes, each with few of the ten classes' -f perf/picture.awk \
	    $(R)/dsgd-curve.jsonl $(R)/teleport-curve.jsonl > $(R)/dsgd-teleport.svg

# ---- installation ----
prefix ?= /usr/local
libdir ?= $(prefix)/lib
share := $(prefix)/share
VERSION := $(shell sed -n 's/^.define TELESGD_VERSION "\(.*\)"/\1/p' include/telesgd.h)
define PC
prefix=$(prefix)
libdir=$(libdir)
includedir=$${prefix}/include

Name: telesgd
Description: Decentralized SGD with TELEPORTATION on one many-core machine
Version: $(VERSION)
Cflags: -I$${includedir}
Libs: -L$${libdir} -ltelesgd
Libs.private: $(strip $(BLIS)) $(LIBS) -pthread
endef
export PC
install: $(B)/telesgd $(B)/libtelesgd.a $(B)/libtelesgd.so.$(SO)
	install -D $(B)/telesgd $(DESTDIR)$(prefix)/bin/telesgd
	install -D -m 644 include/telesgd.h $(DESTDIR)$(prefix)/include/telesgd.h
	install -D -m 644 $(B)/libtelesgd.a $(DESTDIR)$(libdir)/libtelesgd.a
	install -m 644 $(B)/libtelesgd.so.$(SO) $(DESTDIR)$(libdir)/libtelesgd.so.$(VERSION)
	ln -sf libtelesgd.so.$(VERSION) $(DESTDIR)$(libdir)/libtelesgd.so.$(SO)
	ln -sf libtelesgd.so.$(SO) $(DESTDIR)$(libdir)/libtelesgd.so
	install -d $(DESTDIR)$(libdir)/pkgconfig
	echo "$$PC" > $(DESTDIR)$(libdir)/pkgconfig/telesgd.pc
	install -d $(DESTDIR)$(share)/man/man1 $(DESTDIR)$(share)/bash-completion/completions $(DESTDIR)$(share)/zsh/site-functions
	$(B)/telesgd help --man > $(DESTDIR)$(share)/man/man1/telesgd.1
	set -e; for c in $$($(B)/telesgd help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p'); do \
	    $(B)/telesgd help $$c --man > $(DESTDIR)$(share)/man/man1/telesgd-$$c.1; done
	$(B)/telesgd help --completion bash > $(DESTDIR)$(share)/bash-completion/completions/telesgd
	$(B)/telesgd help --completion zsh > $(DESTDIR)$(share)/zsh/site-functions/_telesgd
clean: ; rm -rf build
.PHONY: FORCE deps-library deps-run deps-test deps-clang deps-arm deps-page run test check check-arm check-arm-golden check-page page check-clang debug everything unit stress bench bench-compare lint hardened mutants demo picture curves paper paper-page install clean
