#include "base/build.h"

#include "telesgd.h"

/* The Makefile gives it to this file alone, so that a commit compiles one file anew. */
#ifndef TSGD_REVISION
#define TSGD_REVISION "unknown"
#endif

const char tsgd_build_revision[] = TSGD_REVISION;

#ifdef __clang__
const char tsgd_build_compiler[] = "clang " __clang_version__;
#else
const char tsgd_build_compiler[] = "gcc " __VERSION__;
#endif

const char *tsgd_version(void) { return TELESGD_VERSION; }
