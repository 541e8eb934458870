/* JSON: what is read and written is as jansson has it, and no lack of memory goes unseen. */
#include <criterion/criterion.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

TestSuite(json, .timeout = 60);

static const char *const texts[] = {
    "{}", "[]", " [ ] ", "{\"a\":1}", "[1,2,3]", "[0,-0,-1,12,9223372036854775807]",
    "[1.5,-0.25,1e3,1E-3,2.5e+10,0.1,1e308,1e-320,123456789.123456789]",
    "[true,false,null,\"\"]", "{\"a\":{\"b\":[{\"c\":[]}]},\"d\":\"e\"}",
    "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"]",
    "[\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"]", "{\"a\":1,\"a\":2}", "\t{ \"a\" : [ 1 , 2 ] }\n",
    "{\"type\":\"config\",\"lr\":0.1,\"given\":[\"nodes\",\"lr\"],\"split\":null,\"x\":true}",
    /* what is none */
    "", " ", "1", "\"a\"", "null", "{", "[", "[1", "[1,", "[1,]", "[,1]", "{\"a\"}", "{\"a\":}",
    "{a:1}", "{\"a\":1,}", "[1 2]", "[01]", "[-]", "[+1]", "[.5]", "[1.]", "[1e]", "[1e+]",
    "[0x1]", "[NaN]",
    "[tru]", "[nul", "[\"a]", "[\"\\x\"]", "[\"\\u12\"]", "[\"\\u0000\"]", "[\"\\ud800\"]",
    "[\"\\ud800\\u0041\"]", "[\"\\udc00\"]", "[\"a\nb\"]", "[\"\x80\"]", "[\"\xc0\x80\"]",
    "[\"\xe0\x80\x80\"]", "[\"\xed\xa0\x80\"]", "[\"\xf4\x90\x80\x80\"]",
    "[\"\xf8\x88\x80\x80\x80\"]",
    "[\"\xc3\"]", "[9223372036854775808]", "[-9223372036854775809]", "[1e999]", "[] []", "{}x", "]",
};
enum { TEXTS = sizeof texts / sizeof *texts };

/* As jansson reads the same bytes: the same value, or none either. */
static void expect_same(const char *text, size_t n, bool unique)
{
    struct tsgd_json_fault fault;
    json_error_t why;
    json_t *found = tsgd_json_read(text, n, unique, &fault);
    json_t *want = json_loadb(text, n, unique ? JSON_REJECT_DUPLICATES : 0, &why);
    cr_expect(!found == !want && (!found || json_equal(found, want)), "%.*s: %s; want %s", (int)n,
              text, fault.text, want ? "a value" : why.text);
    cr_expect(found || (fault.text[0] && !fault.no_memory), "%.*s", (int)n, text);
    json_decref(found);
    json_decref(want);
}

Test(json, texts_are_read_as_jansson_reads_them)
{
    for (size_t i = 0; i < TEXTS; i++)
        for (int unique = 0; unique < 2; unique++)
            for (size_t n = 0; n <= strlen(texts[i]); n++)
                expect_same(texts[i], n, unique);
}

/* With any one byte another one; not a zero byte, which jansson overlooks behind a number. */
Test(json, texts_with_a_wrong_byte_are_read_as_jansson_reads_them)
{
    static const char others[] = "\"\\{}[],:0e-.u \n\x01\x7f\x80\xc3\xff";
    char text[128];
    for (size_t i = 0; i < TEXTS; i++)
        for (size_t at = 0; at < strlen(texts[i]); at++)
            for (size_t j = 0; j + 1 < sizeof others; j++) {
                strcpy(text, texts[i]);
                text[at] = others[j];
                expect_same(text, strlen(texts[i]), false);
            }
}

Test(json, many_lists_within_each_other_are_refused)
{
    static char text[1000000];
    struct tsgd_json_fault fault;
    memset(text, '[', sizeof text);
    cr_expect(!tsgd_json_read(text, sizeof text, false, &fault));
    cr_expect(strstr(fault.text, "too many lists within each other at byte 501"), "%s", fault.text);
}

Test(json, what_is_wrong_is_said_and_where)
{
    static const struct { const char *text, *why; } all[] = {
        {"{\"a\":1,}", "a name is missing at byte 8"}, {"[1,]", "a value is missing at byte 4"},
        {"[1", "a comma or ] is missing at byte 3"}, {"[\"a", "a string without an end at byte 4"},
        {"{} {}", "something behind the end at byte 4"}, {"x", "neither { nor [ at byte 1"},
    };
    struct tsgd_json_fault fault;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        cr_expect(!tsgd_json_read(all[i].text, strlen(all[i].text), false, &fault));
        cr_expect(!strcmp(fault.text, all[i].why), "%s: %s", all[i].text, fault.text);
    }
}

Test(json, numbers_have_a_point_whatever_the_locale)
{
    static const char *const locales[] = {"de_DE.UTF-8", "fa_IR.UTF-8"};
    const char *text = "[0.5,-1.25e-3]";
    struct tsgd_json_fault fault;
    for (size_t i = 0; i < 2; i++) {
        if (!setlocale(LC_ALL, locales[i]))
            continue;                   /* test_locale.c says where they must be installed */
        json_t *value = tsgd_json_read(text, strlen(text), false, &fault);
        cr_assert(value, "%s: %s", locales[i], fault.text);
        cr_expect(json_real_value(json_array_get(value, 1)) == -0.00125);
        char *back = tsgd_json_text(value, JSON_COMPACT | JSON_REAL_PRECISION(3));
        cr_expect(back && !strcmp(back, "[0.5,-0.00125]"), "%s", back);
        free(back);
        json_decref(value);
    }
}

/* ---- memory ---- */

static long left;                       /* allocations that jansson is granted */

static void *grant(size_t n) { return left-- > 0 ? malloc(n) : NULL; }

/* A name of 10000 letters, which needs room again and again. */
static char *long_text(void)
{
    static char text[10100];
    size_t n = (size_t)sprintf(text, "{\"a\":[1,2.5,\"b\"],\"");
    memset(text + n, 'n', 10000);
    strcpy(text + n + 10000, "\":{\"c\":null,\"d\":\"e\"}}");
    return text;
}

/* With jansson's own reader and writer in place of these, it fails: letters and names are lost. */
Test(json, what_jansson_has_no_memory_for_is_told)
{
    const char *text = long_text();
    struct tsgd_json_fault fault;
    int reads = 0, writes = 0;
    json_set_alloc_funcs(grant, free);
    for (long n = 0; n < 200; n++) {
        left = n;
        json_t *value = tsgd_json_read(text, strlen(text), false, &fault);
        cr_expect(value || fault.no_memory, "%ld: %s", n, fault.text);
        left = 1000;
        json_t *want = json_loadb(text, strlen(text), 0, NULL);
        cr_expect(!value || json_equal(value, want), "%ld: another value", n);
        left = n;
        char *back = tsgd_json_text(want, JSON_COMPACT);
        cr_expect(!back || !strcmp(back, text), "%ld: %.60s", n, back);
        reads += !value;
        writes += !back;
        left = 1000;
        free(back);
        json_decref(value);
        json_decref(want);
    }
    json_set_alloc_funcs(malloc, free);
    cr_expect(reads > 10 && reads < 200 && writes > 2 && writes < 200, "%d, %d", reads, writes);
}

/* ---- UTF-8 ---- */

/* All texts of three bytes, with what jansson takes as a string. */
Test(json, utf8_is_what_jansson_takes)
{
    for (unsigned a = 1; a < 256; a++)
        for (unsigned b = 0; b < 256; b += a < 0xc0 ? 51 : 1)
            for (unsigned c = 0; c < 256; c += a < 0xe0 ? 51 : 1) {
                char text[] = {(char)a, (char)b, (char)c, 0};
                size_t n = strlen(text), at = 0, step = 1;
                for (; at < n && step; at += step)
                    step = tsgd_utf8(text + at, n - at);
                json_t *word = json_string(text);
                cr_expect((step > 0) == (word != NULL), "%02x %02x %02x", a, b, c);
                json_decref(word);
            }
}
