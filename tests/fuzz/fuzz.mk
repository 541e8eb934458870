# Hostile inputs: included by the Makefile. With libFuzzer (VARIANT=fuzz and msan) there is a program
# for each target, else one for all of them, which reads the corpus. All parts of telesgd but its
# main are in them.
comma := ,
LIBFUZZER := $(filter fuzz msan,$(VARIANT))
FUZZ_PARTS := $(B)/tests/fuzz/fuzz.o $(B)/tests/fuzz/sources.o $(if $(filter msan,$(VARIANT)),$(B)/tests/fuzz/msan.o) $(filter-out %/start.o,$(call obj,$(PROGRAM:%=src/%/*.c))) $(B)/libtelesgd.a
FUZZ_WRAP := $(addprefix -Wl$(comma)--wrap=,tsgd_mem_check $(if $(filter msan,$(VARIANT)),inflate inflateInit2_ inflateReset deflate deflateInit2_ json_loadb json_dump_callback ini_parse_stream $(addprefix zip_,source_filep_create open_from_source name_locate get_name fopen fread error_strerror)))
$(B)/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(FUZZ_PARTS) ; $(call link,-linih -fsanitize=fuzzer $(FUZZ_WRAP))
$(B)/replay: $(B)/tests/fuzz/replay.o $(call obj,tests/fuzz/fuzz_*.c) $(FUZZ_PARTS) ; $(call link,-linih $(FUZZ_WRAP))
$(B)/tests/fuzz/fuzz_%.o: tests/fuzz/fuzz_%.c $(B)/flags
	$(call say,compile   )mkdir -p $(@D) && $(CC) $(CPP) $(CF) $(if $(LIBFUZZER),,-DLLVMFuzzerTestOneInput=fuzz_$*) -c $< -o $@
$(B)/src/base/mem.o: private CPP += $(if $(filter fuzz,$(VARIANT)),-DTSGD_EXACT_MEMORY)

NEED_FUZZ = $(NEED_CLANG) libclang-rt-14-dev llvm
deps-fuzz: ; $(call install,$(NEED_FUZZ),to fuzz telesgd)
# Inputs made up by libFuzzer, for SECONDS each target; VARIANT=msan: under MemorySanitizer.
fuzz: deps-fuzz
	@$(MAKE) --no-print-directory CC='$(or $(CLANG),clang)' VARIANT=$(or $(LIBFUZZER),fuzz) fuzzers
	@tests/fuzz/run.sh build/$(or $(LIBFUZZER),fuzz) '$(or $(SECONDS),60)' '$(or $(JOBS),1)' $(TARGETS)
fuzzers: $(call prog,tests/fuzz/fuzz_*.c)
replay: $(B)/replay ; $< tests/fuzz/corpus
# The same under MemorySanitizer, by libFuzzer's programs, which read a folder and end.
replay-msan: ; @$(MAKE) --no-print-directory CC='$(or $(CLANG),clang)' VARIANT=msan fuzzers && tests/fuzz/run.sh build/msan 0 1
.PHONY: fuzz deps-fuzz fuzzers replay replay-msan
