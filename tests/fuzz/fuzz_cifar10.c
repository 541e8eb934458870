/* The binary files of CIFAR-10. An input is the number of a file (a byte), its size (two, the lower
 * one first), and bytes that fill it over and over: so small inputs stand for files of many
 * records. The other files hold one record.                                                      */
#include "data/dataset.h"
#include "data/source.h"
#include "fuzz/fuzz.h"

enum { RECORD = 3073 };

static const char *const name[] = {
    "data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
    "data_batch_5.bin", "test_batch.bin", NULL,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *folder;
    static uint8_t file[1 << 16];
    static const uint8_t record[RECORD] = {9, 255, 1};
    struct tsgd_dataset d = TSGD_DATASET_INIT;
    struct tsgd_error err;
    int which = fuzz_byte(&data, &size) % 6;
    size_t n = fuzz_byte(&data, &size);
    n += 256u * fuzz_byte(&data, &size);
    if (!folder)
        folder = fuzz_folder(name);
    for (int i = 0; i < 6; i++)
        fuzz_file(i, record, RECORD);
    for (size_t i = 0; i < n; i++)
        file[i] = size ? data[i % size] : 0;
    fuzz_file(which, file, n);
    enum tsgd_status st = tsgd_dataset_load(&d, "cifar10",
                                            &(struct tsgd_request){.dir = folder}, &err);
    bool whole = n > 0 && n % RECORD == 0;
    for (size_t i = 0; i < n && whole; i += RECORD)
        whole = file[i] < 10;
    MUST((st == TSGD_OK) == whole);
    if (st == TSGD_OK) {
        MUST(d.train.count + d.test.count == 5 + n / RECORD);
        fuzz_look(d.train.bytes, (size_t)d.train.count * (RECORD - 1));
        fuzz_look(d.test.bytes, (size_t)d.test.count * (RECORD - 1));
        fuzz_look(d.train.labels, d.train.count);
        fuzz_look(d.test.labels, d.test.count);
    } else {
        fuzz_refused(st, &err);
        MUST(!d.train.bytes && !d.test.bytes);
    }
    tsgd_dataset_release(&d);
    return 0;
}
