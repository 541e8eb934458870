/* For MemorySanitizer alone: zlib, jansson and inih are not compiled with it, so it does not see
 * what they write. These stand between the program and them (the linker's --wrap) and say what has
 * a value afterwards: just what the libraries' manuals promise.                                  */
#include <ini.h>
#include <jansson.h>
#include <sanitizer/msan_interface.h>
#include <stdlib.h>
#include <string.h>
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
