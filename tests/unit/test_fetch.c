/* datasets/fetch.sh against a server in this process, with made files in place of the public ones;
 * and what datasets/ says of its files.                                                         */
#include "data/dataset.h"
#include "data/source.h"
#include "scratch.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const tools[] = {"curl", "wget"};
enum { TOOLS = sizeof tools / sizeof *tools };
#define EACH_TOOL(t) (int t = 0; t < TOOLS; t++)

/* ---- the server ---- */

enum { LENGTH = 5000 };

/* What it serves: every path ends in one of these names. */
static struct served {
    const char *name;
    unsigned char bytes[1 << 16];
    size_t n;
} served[] = {
    {.name = "train-images-idx3-ubyte.gz"}, {.name = "train-labels-idx1-ubyte.gz"},
    {.name = "t10k-images-idx3-ubyte.gz"}, {.name = "t10k-labels-idx1-ubyte.gz"},
    {.name = "cifar-10-binary.tar.gz"},
};
enum { FILES = 4, ARCHIVE = FILES };

static struct {
    int listener, port;
    atomic_bool no_ranges;              /* answers a question for a range with everything */
    atomic_size_t cut;                  /* not 0: hangs up after as many bytes of a file */
    atomic_int requests;
    atomic_size_t from[FILES + 1];      /* where the last answer about a file began */
} server;

static void answer(int c, const char *request)
{
    char head[256];
    size_t from = 0, which = 0, n;
    const char *range = strcasestr(request, "\nRange: bytes=");
    size_t path = strcspn(request, "\r");
    while (which <= FILES && !memmem(request, path, served[which].name, strlen(served[which].name)))
        which++;
    if (which > FILES || memmem(request, path, "/absent/", 8)) {
        dprintf(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return;
    }
    n = served[which].n;
    if (range && !server.no_ranges)
        from = strtoul(range + strlen("\nRange: bytes="), NULL, 10);
    server.from[which] = from;
    if (from > 0 && from >= n) {
        dprintf(c, "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */%zu\r\n"
                "Content-Length: 0\r\nConnection: close\r\n\r\n", n);
        return;
    }
    if (from > 0)
        snprintf(head, sizeof head, "206 Partial Content\r\nContent-Range: bytes %zu-%zu/%zu", from,
                 n - 1, n);
    else
        strcpy(head, "200 OK");
    dprintf(c, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", head, n - from);
    size_t end = server.cut && server.cut < n ? server.cut : n;
    while (from < end) {
        ssize_t sent = send(c, served[which].bytes + from, end - from, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        from += (size_t)sent;
    }
}

static void *serve(void *arg)
{
    char request[4096];
    (void)arg;
    for (;;) {
        int c = accept(server.listener, NULL, NULL);
        size_t got = 0;
        ssize_t n;
        if (c < 0)
            return NULL;
        server.requests++;
        do {
            n = read(c, request + got, sizeof request - 1 - got);
            got += n > 0 ? (size_t)n : 0;
            request[got] = 0;
        } while (n > 0 && !strstr(request, "\r\n\r\n"));
        answer(c, request);
        close(c);
    }
}

static void start_server(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    pthread_t thread;
    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(bind(server.listener, (struct sockaddr *)&at, size) == 0 &&
              listen(server.listener, 16) == 0 &&
              getsockname(server.listener, (struct sockaddr *)&at, &size) == 0);
    server.port = ntohs(at.sin_port);
    cr_assert(pthread_create(&thread, NULL, serve, NULL) == 0 && pthread_detach(thread) == 0);
}

/* ---- the script ---- */

static struct scratch scratch;
static char script[PATH_MAX];
static char err[4096];

static int shell(const char *command)
{
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A folder for each tool, without the other one in it: the script takes the one it finds. */
static void link_tools(void)
{
    char command[512];
    for EACH_TOOL(t) {
        snprintf(command, sizeof command,
                 "mkdir bin-%s && for c in "
                 "dirname flock gzip mkdir mv rm rmdir sed sha256sum tar wc %s; do "
                 "p=$(command -v $c) && ln -s \"$p\" bin-%s/$c || exit 1; done",
                 tools[t], tools[t], tools[t]);
        cr_assert(shell(command) == 0, "%s is not installed; make deps-test does it", tools[t]);
    }
}

/* The four files are LENGTH bytes each, of which no two begin alike. */
static void begin(void)
{
    tree_path(script, "datasets/fetch.sh");
    scratch_enter(&scratch, "fetch");
    link_tools();
    cr_assert(mkdir("mnist", 0777) == 0 && mkdir("cifar10", 0777) == 0);
    for (int i = 0; i < FILES; i++) {
        char path[64];
        served[i].n = LENGTH;
        for (size_t b = 0; b < LENGTH; b++)
            served[i].bytes[b] = (unsigned char)((b + 1) * (size_t)(7 * i + 3) + b / 251);
        snprintf(path, sizeof path, "mnist/%s", served[i].name);
        scratch_write(path, served[i].bytes, LENGTH);
    }
    cr_assert(shell("sha256sum mnist/* > sums") == 0);
    start_server();
}

static void end(void) { scratch_leave(&scratch); }

TestSuite(fetch, .init = begin, .fini = end, .timeout = 120);

/* fetch.sh NAME got-TOOL`below`, from these base URLs; its exit code. */
static int fetch_into(const char *name, int tool, const char *below, const char *urls)
{
    char command[2 * PATH_MAX];
    snprintf(command, sizeof command, "env -u http_proxy -u all_proxy -u ALL_PROXY "
             "HOME=\"$PWD\" CURL_HOME=\"$PWD\" PATH=\"$PWD/bin-%s\" "
             "TELESGD_DATASETS_URL='%s' TELESGD_DATASETS_SUMS=sums '%s' %s got-%s%s >out 2>err",
             tools[tool], urls, script, name, tools[tool], below);
    int code = shell(command);
    FILE *f = fopen("err", "r");
    cr_assert(f != NULL);
    err[fread(err, 1, sizeof err - 1, f)] = 0;
    fclose(f);
    return code;
}

/* From the server's `folders`, "/a /b". */
static int fetch_from(const char *name, int tool, const char *folders)
{
    char urls[256], text[128], *rest = text, *folder;
    size_t n = 0;
    snprintf(text, sizeof text, "%s", folders);
    while ((folder = strsep(&rest, " ")))
        n += (size_t)snprintf(urls + n, sizeof urls - n, " http://127.0.0.1:%d%s", server.port,
                              folder);
    return fetch_into(name, tool, "", urls);
}

static int fetch(const char *name, int tool) { return fetch_from(name, tool, "/"); }

static const char *place(int tool, int which, const char *suffix)
{
    static char path[128];
    snprintf(path, sizeof path, "got-%s/%s%s", tools[tool], served[which].name, suffix);
    return path;
}

static void write_there(int tool, int which, const char *suffix, const void *bytes, size_t n)
{
    char folder[32];
    snprintf(folder, sizeof folder, "got-%s", tools[tool]);
    mkdir(folder, 0777);
    scratch_write(place(tool, which, suffix), bytes, n);
}

static long size_of(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 ? (long)s.st_size : -1;
}

/* All four files are as they are served, and nothing else is there. */
static void expect_all(int tool)
{
    char command[128];
    snprintf(command, sizeof command, "diff -r mnist got-%s >&2", tools[tool]);
    cr_expect(shell(command) == 0, "%s: %s", tools[tool], err);
}

Test(fetch, files_arrive_whole_under_their_names)
{
    for EACH_TOOL(t) {
        cr_expect(fetch("mnist", t) == 0, "%s: %s", tools[t], err);
        expect_all(t);
    }
}

Test(fetch, a_second_call_asks_for_nothing)
{
    for EACH_TOOL(t) {
        cr_assert(fetch("mnist", t) == 0, "%s: %s", tools[t], err);
        server.requests = 0;
        cr_expect(fetch("mnist", t) == 0 && server.requests == 0, "%s: %s", tools[t], err);
        expect_all(t);
    }
}

Test(fetch, a_part_is_gone_on_with)
{
    for EACH_TOOL(t) {
        write_there(t, 1, ".part", served[1].bytes, 1000);
        cr_expect(fetch("mnist", t) == 0, "%s: %s", tools[t], err);
        cr_expect(server.from[0] == 0 && server.from[1] == 1000);
        expect_all(t);
    }
}

Test(fetch, a_part_that_is_whole_needs_no_server)
{
    for EACH_TOOL(t) {
        for (int i = 0; i < FILES; i++)
            write_there(t, i, ".part", served[i].bytes, LENGTH);
        cr_expect(fetch("mnist", t) == 0 && server.requests == 0, "%s: %s", tools[t], err);
        expect_all(t);
    }
}

Test(fetch, a_connection_that_breaks_leaves_a_part_for_the_next_call)
{
    for EACH_TOOL(t) {
        server.cut = 2000;
        cr_expect(fetch("mnist", t) == 1, "%s", tools[t]);
        cr_expect(strstr(err, "fetch.sh: mnist: train-images-idx3-ubyte.gz did not come: ") &&
                  strstr(err, "train-images-idx3-ubyte.gz.part"), "%s: %s", tools[t], err);
        cr_expect(size_of(place(t, 0, "")) == -1 && size_of(place(t, 0, ".part")) == 2000);
        server.cut = 0;
        cr_expect(fetch("mnist", t) == 0 && server.from[0] == 2000, "%s: %s", tools[t], err);
        expect_all(t);
    }
}

Test(fetch, a_wrong_checksum_is_refused_and_what_was_there_stays)
{
    served[2].bytes[4000] ^= 1;
    for EACH_TOOL(t) {
        write_there(t, 2, "", "mine", 4);
        cr_expect(fetch("mnist", t) == 1, "%s", tools[t]);
        cr_expect(strstr(err, "fetch.sh: mnist: t10k-images-idx3-ubyte.gz did not come: ") &&
                  strstr(err, "SHA-256") && strstr(err, "not installed"), "%s: %s", tools[t], err);
        cr_expect(size_of(place(t, 2, "")) == 4 && size_of(place(t, 2, ".part")) == -1);
    }
}

Test(fetch, a_file_that_is_not_right_is_replaced)
{
    for EACH_TOOL(t) {
        write_there(t, 3, "", served[3].bytes, 4999);
        cr_expect(fetch("mnist", t) == 0, "%s: %s", tools[t], err);
        expect_all(t);
    }
}

Test(fetch, a_part_of_something_else_is_fetched_anew)
{
    for EACH_TOOL(t) {
        write_there(t, 0, ".part", served[1].bytes, 1000);
        cr_expect(fetch("mnist", t) == 0 && server.from[0] == 0, "%s: %s", tools[t], err);
        expect_all(t);
    }
}

Test(fetch, a_part_longer_than_the_file_is_fetched_anew)
{
    static const char zeros[LENGTH + 1000];
    for EACH_TOOL(t) {
        write_there(t, 0, ".part", zeros, sizeof zeros);
        cr_expect(fetch("mnist", t) == 0 && server.from[0] == 0, "%s: %s", tools[t], err);
        expect_all(t);
    }
}

/* wget knows no file:. */
Test(fetch, a_part_longer_than_the_file_of_a_mirror_in_a_folder_is_fetched_anew)
{
    static const char zeros[LENGTH + 1000];
    char url[128];
    snprintf(url, sizeof url, "file://%s/mnist", scratch.folder);
    write_there(0, 2, ".part", zeros, sizeof zeros);
    cr_expect(fetch_into("mnist", 0, "", url) == 0, "%s", err);
    expect_all(0);
}

Test(fetch, a_failure_leaves_no_folder_that_it_made)
{
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/absent", server.port);
    for EACH_TOOL(t) {
        char folder[32];
        struct stat s;
        snprintf(folder, sizeof folder, "got-%s", tools[t]);
        cr_expect(fetch_into("mnist", t, "", url) == 1 && stat(folder, &s) != 0, "%s", err);
        cr_expect(fetch_into("mnist", t, "/a/b", url) == 1 && stat(folder, &s) != 0, "%s", err);
        cr_assert(mkdir(folder, 0777) == 0);
        cr_expect(fetch_into("mnist", t, "/a/b", url) == 1 && rmdir(folder) == 0, "%s", err);
        cr_assert(mkdir(folder, 0777) == 0);
        cr_expect(fetch_into("mnist", t, "", url) == 1 && stat(folder, &s) == 0, "%s", err);
    }
}

Test(fetch, a_server_without_ranges_serves_too)
{
    server.no_ranges = true;
    for EACH_TOOL(t) {
        write_there(t, 0, ".part", served[0].bytes, 1000);
        cr_expect(fetch("mnist", t) == 0, "%s: %s", tools[t], err);
        expect_all(t);
    }
}

Test(fetch, a_mirror_stands_in_for_a_home_without_the_file)
{
    for EACH_TOOL(t) {
        cr_expect(fetch_from("mnist", t, "/absent/ /mirror") == 0, "%s: %s", tools[t], err);
        expect_all(t);
        cr_expect(strstr(err, "404"), "%s: %s", tools[t], err);
    }
}

Test(fetch, a_set_without_checksums_is_not_fetched)
{
    scratch_write("sums", "", 0);
    cr_expect(fetch("mnist", 0) == 1 && server.requests == 0);
    cr_expect(strstr(err, "sums: holds no SHA-256 of mnist/train-images-idx3-ubyte.gz"), "%s", err);
}

Test(fetch, an_unknown_set_is_a_matter_of_usage)
{
    cr_expect(fetch("minst", 0) == 2 && server.requests == 0);
    cr_expect(strstr(err, "'minst', want one of: mnist fashion-mnist cifar10"), "%s", err);
}

/* ---- CIFAR-10 ---- */

/* An archive of six files of one record each, whose labels are 1 to 5 and 6. */
static void make_archive(const char *left_out)
{
    static unsigned char record[3073];
    char path[96];
    cr_assert(mkdir("cifar-10-batches-bin", 0777) == 0);
    for (int i = 1; i <= 6; i++) {
        record[0] = (unsigned char)i;
        record[1] = (unsigned char)(10 * i);
        snprintf(path, sizeof path, i < 6 ? "cifar-10-batches-bin/data_batch_%d.bin" :
                 "cifar-10-batches-bin/test_batch.bin", i);
        if (!left_out || !strstr(path, left_out))
            scratch_write(path, record, sizeof record);
    }
    cr_assert(shell("tar -czf cifar10/cifar-10-binary.tar.gz cifar-10-batches-bin && "
                    "sha256sum cifar10/cifar-10-binary.tar.gz > sums") == 0);
    FILE *f = fopen("cifar10/cifar-10-binary.tar.gz", "rb");
    cr_assert(f != NULL);
    served[ARCHIVE].n = fread(served[ARCHIVE].bytes, 1, sizeof served[ARCHIVE].bytes, f);
    fclose(f);
}

static void expect_cifar10(int tool)
{
    char command[256];
    struct tsgd_dataset d;
    struct tsgd_error why;
    snprintf(command, sizeof command, "cd got-%s && test \"$(echo *)\" = cifar-10-batches-bin && "
             "diff -r -x SHA256SUMS ../cifar-10-batches-bin cifar-10-batches-bin >&2", tools[tool]);
    cr_expect(shell(command) == 0, "%s: %s", tools[tool], err);
    snprintf(command, sizeof command, "got-%s", tools[tool]);
    cr_assert(tsgd_dataset_load(&d, "cifar10",
                                &(struct tsgd_request){.dir = command}, &why) == TSGD_OK,
              "%s", why.text);
    cr_expect(d.train.count == 5 && d.train.labels[4] == 5 && d.test.labels[0] == 6);
    tsgd_dataset_release(&d);
}

Test(fetch, cifar10_is_unpacked_for_the_program_to_read)
{
    make_archive(NULL);
    for EACH_TOOL(t) {
        cr_expect(fetch("cifar10", t) == 0, "%s: %s", tools[t], err);
        expect_cifar10(t);
        server.requests = 0;
        cr_expect(fetch("cifar10", t) == 0 && server.requests == 0, "%s: %s", tools[t], err);
        expect_cifar10(t);
    }
}

Test(fetch, a_damaged_file_of_cifar10_is_replaced)
{
    make_archive(NULL);
    cr_assert(fetch("cifar10", 0) == 0, "%s", err);
    cr_assert(truncate("got-curl/cifar-10-batches-bin/test_batch.bin", 3000) == 0);
    cr_expect(fetch("cifar10", 0) == 0, "%s", err);
    expect_cifar10(0);
}

Test(fetch, an_archive_without_a_file_installs_none)
{
    make_archive("data_batch_4");
    cr_expect(fetch("cifar10", 0) == 1);
    cr_expect(strstr(err, "holds no cifar-10-batches-bin/data_batch_4.bin"), "%s", err);
    cr_expect(size_of("got-curl/cifar-10-batches-bin") == -1 &&
              size_of("got-curl/unpack.part") == -1);
}

/* ---- what datasets/ says ---- */

Test(fetch, the_files_in_the_tree_have_the_checksums_that_are_published)
{
    char folder[PATH_MAX], command[2 * PATH_MAX];
    tree_path(folder, "datasets");
    snprintf(command, sizeof command, "cd '%s' && grep ' digits/' SHA256SUMS | sha256sum -c >&2 && "
             "test $(grep -c ' digits/' SHA256SUMS) = 4", folder);
    cr_expect(shell(command) == 0);
}

Test(fetch, the_readme_gives_every_checksum)
{
    char folder[PATH_MAX], command[2 * PATH_MAX];
    tree_path(folder, "datasets");
    snprintf(command, sizeof command,
             "cd '%s' && test $(wc -l < SHA256SUMS) = 13 && while read -r sum file; do "
             "grep -q \"^| \\`${file#*/}\\` .*\\`$sum\\`\" README.md || { echo $file >&2; exit 1; }"
             "; done < SHA256SUMS", folder);
    cr_expect(shell(command) == 0);
}
