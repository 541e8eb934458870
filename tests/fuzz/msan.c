/* For MemorySanitizer alone: zlib, libzip, jansson and inih are not compiled with it, so it does
 * not see what they write. These stand between the program and them (the linker's --wrap) and say
 * what has a value afterwards: just what the libraries' manuals promise.                        */
#include <ini.h>
#include <jansson.h>
#include <sanitizer/msan_interface.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>
#include <zlib.h>

/* Their frames come to lie where frames of ours have been, with what the sanitizer thought of
 * those.                                                                                         */
__attribute__((noinline)) static void clear_stack(void)
{
    char below[1 << 16];
    __msan_unpoison(below, sizeof below);
    __asm__ volatile("" : : "r"(below) : "memory");
}

/* ---- zlib ---- */

int __real_inflate(z_stream *z, int flush);
int __real_inflateInit2_(z_stream *z, int bits, const char *version, int size);
int __real_inflateReset(z_stream *z);
int __real_deflate(z_stream *z, int flush);
int __real_deflateInit2_(z_stream *z, int level, int method, int bits, int memory, int strategy,
                         const char *version, int size);
int __wrap_inflate(z_stream *z, int flush);
int __wrap_inflateInit2_(z_stream *z, int bits, const char *version, int size);
int __wrap_inflateReset(z_stream *z);
int __wrap_deflate(z_stream *z, int flush);
int __wrap_deflateInit2_(z_stream *z, int level, int method, int bits, int memory, int strategy,
                         const char *version, int size);

int __wrap_inflate(z_stream *z, int flush)
{
    unsigned char *out = z->next_out;
    __msan_check_mem_is_initialized(z->next_in, z->avail_in);
    int result = __real_inflate(z, flush);
    __msan_unpoison(z, sizeof *z);
    __msan_unpoison(out, (size_t)(z->next_out - out));
    return result;
}

int __wrap_inflateInit2_(z_stream *z, int bits, const char *version, int size)
{
    int result = __real_inflateInit2_(z, bits, version, size);
    __msan_unpoison(z, sizeof *z);
    return result;
}

int __wrap_inflateReset(z_stream *z)
{
    int result = __real_inflateReset(z);
    __msan_unpoison(z, sizeof *z);
    return result;
}

int __wrap_deflate(z_stream *z, int flush)
{
    unsigned char *out = z->next_out;
    __msan_check_mem_is_initialized(z->next_in, z->avail_in);
    int result = __real_deflate(z, flush);
    __msan_unpoison(z, sizeof *z);
    __msan_unpoison(out, (size_t)(z->next_out - out));
    return result;
}

int __wrap_deflateInit2_(z_stream *z, int level, int method, int bits, int memory, int strategy,
                         const char *version, int size)
{
    int result = __real_deflateInit2_(z, level, method, bits, memory, strategy, version, size);
    __msan_unpoison(z, sizeof *z);
    return result;
}

/* ---- jansson: what it takes from malloc it fills itself ---- */

static void *zeroed(size_t n) { return calloc(1, n); }

__attribute__((constructor)) static void zero_what_jansson_takes(void)
{
    json_set_alloc_funcs(zeroed, free);
}

json_t *__real_json_loadb(const char *text, size_t n, size_t flags, json_error_t *error);
json_t *__wrap_json_loadb(const char *text, size_t n, size_t flags, json_error_t *error);

json_t *__wrap_json_loadb(const char *text, size_t n, size_t flags, json_error_t *error)
{
    __msan_check_mem_is_initialized(text, n);
    clear_stack();
    json_t *value = __real_json_loadb(text, n, flags, error);
    __msan_unpoison(error, sizeof *error);
    return value;
}

int __real_json_dump_callback(const json_t *value, json_dump_callback_t put, void *data,
                              size_t flags);
int __wrap_json_dump_callback(const json_t *value, json_dump_callback_t put, void *data,
                              size_t flags);

int __wrap_json_dump_callback(const json_t *value, json_dump_callback_t put, void *data,
                              size_t flags)
{
    clear_stack();
    return __real_json_dump_callback(value, put, data, flags);
}

/* ---- inih: calls back with what the sanitizer did not see being made ---- */

struct callbacks {
    ini_reader reader;
    ini_handler handler;
    void *stream, *user;
};

__attribute__((no_sanitize("memory"))) static char *read_line(char *out, int n, void *user)
{
    struct callbacks *c = user;
    return c->reader(out, n, c->stream);
}

__attribute__((no_sanitize("memory"))) static int handle(void *user, const char *section,
                                                         const char *name, const char *value)
{
    struct callbacks *c = user;
    __msan_unpoison_string(section);
    __msan_unpoison_string(name);
    __msan_unpoison_string(value);
    return c->handler(c->user, section, name, value);
}

int __real_ini_parse_stream(ini_reader reader, void *stream, ini_handler handler, void *user);
int __wrap_ini_parse_stream(ini_reader reader, void *stream, ini_handler handler, void *user);

int __wrap_ini_parse_stream(ini_reader reader, void *stream, ini_handler handler, void *user)
{
    struct callbacks both = {.reader = reader, .handler = handler, .stream = stream, .user = user};
    clear_stack();
    return __real_ini_parse_stream(read_line, &both, handle, &both);
}

/* ---- libzip: what it takes from malloc it knows to have filled, and its calls of the C library
 * are not to be looked at ---- */

#define WITHOUT_LOOKING(type, call)                     \
    __msan_scoped_disable_interceptor_checks();         \
    type result = (call);                               \
    __msan_scoped_enable_interceptor_checks()

zip_source_t *__real_zip_source_filep_create(FILE *f, zip_uint64_t start, zip_int64_t n,
                                             zip_error_t *e);
zip_source_t *__wrap_zip_source_filep_create(FILE *f, zip_uint64_t start, zip_int64_t n,
                                             zip_error_t *e);
zip_t *__real_zip_open_from_source(zip_source_t *source, int flags, zip_error_t *e);
zip_t *__wrap_zip_open_from_source(zip_source_t *source, int flags, zip_error_t *e);
zip_int64_t __real_zip_name_locate(zip_t *z, const char *name, zip_flags_t flags);
zip_int64_t __wrap_zip_name_locate(zip_t *z, const char *name, zip_flags_t flags);
const char *__real_zip_get_name(zip_t *z, zip_uint64_t i, zip_flags_t flags);
const char *__wrap_zip_get_name(zip_t *z, zip_uint64_t i, zip_flags_t flags);
zip_file_t *__real_zip_fopen(zip_t *z, const char *name, zip_flags_t flags);
zip_file_t *__wrap_zip_fopen(zip_t *z, const char *name, zip_flags_t flags);
zip_int64_t __real_zip_fread(zip_file_t *f, void *to, zip_uint64_t n);
zip_int64_t __wrap_zip_fread(zip_file_t *f, void *to, zip_uint64_t n);
const char *__real_zip_error_strerror(zip_error_t *e);
const char *__wrap_zip_error_strerror(zip_error_t *e);

zip_source_t *__wrap_zip_source_filep_create(FILE *f, zip_uint64_t start, zip_int64_t n,
                                             zip_error_t *e)
{
    WITHOUT_LOOKING(zip_source_t *, __real_zip_source_filep_create(f, start, n, e));
    return result;
}

zip_t *__wrap_zip_open_from_source(zip_source_t *source, int flags, zip_error_t *e)
{
    WITHOUT_LOOKING(zip_t *, __real_zip_open_from_source(source, flags, e));
    return result;
}

zip_int64_t __wrap_zip_name_locate(zip_t *z, const char *name, zip_flags_t flags)
{
    WITHOUT_LOOKING(zip_int64_t, __real_zip_name_locate(z, name, flags));
    return result;
}

const char *__wrap_zip_get_name(zip_t *z, zip_uint64_t i, zip_flags_t flags)
{
    WITHOUT_LOOKING(const char *, __real_zip_get_name(z, i, flags));
    if (result)
        __msan_unpoison_string(result);
    return result;
}

zip_file_t *__wrap_zip_fopen(zip_t *z, const char *name, zip_flags_t flags)
{
    WITHOUT_LOOKING(zip_file_t *, __real_zip_fopen(z, name, flags));
    return result;
}

zip_int64_t __wrap_zip_fread(zip_file_t *f, void *to, zip_uint64_t n)
{
    WITHOUT_LOOKING(zip_int64_t, __real_zip_fread(f, to, n));
    if (result > 0)
        __msan_unpoison(to, (size_t)result);
    return result;
}

const char *__wrap_zip_error_strerror(zip_error_t *e)
{
    WITHOUT_LOOKING(const char *, __real_zip_error_strerror(e));
    __msan_unpoison_string(result);
    return result;
}
