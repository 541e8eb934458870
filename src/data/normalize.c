#include "data/normalize.h"

#include "base/format.h"
#include "base/text.h"

#include <math.h>
#include <string.h>

/* Bounds on means and deviations: within them single precision holds every normalised number. */
static const double MOST = 1e6, LEAST_DEVIATION = 1e-9;

static enum tsgd_status check_channels(uint32_t channels, const char *where, struct tsgd_error *err)
{
    if (channels <= TSGD_NORM_CHANNELS)
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "%s: found samples of %u channels, want at most %d to "
                     "normalise", where, channels, TSGD_NORM_CHANNELS);
}

/* n numbers between commas, from text up to end, each of at most MOST either way. */
static bool read_numbers(const char *text, const char *end, double least, float *out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        char item[40];
        double value;
        const char *comma = memchr(text, ',', (size_t)(end - text));
        size_t length = (size_t)((comma ? comma : end) - text);
        if (length >= sizeof item || (i + 1 < n) != (comma != NULL))
            return false;
        memcpy(item, text, length);
        item[length] = 0;
        if (!tsgd_parse_double(item, &value) || value < least || value > MOST)
            return false;
        out[i] = (float)value;
        text += length + 1;
    }
    return true;
}

enum tsgd_status tsgd_norm_parse(struct tsgd_norm *out, const char *text, uint32_t channels,
                                 const char *where, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_norm norm = {.channels = 0};
    const char *colon = strchr(text, ':');
    if (strcmp(text, "none")) {
        TRY(check_channels(channels, where, err));
        const char *end = text + strlen(text);
        if (!colon || !read_numbers(text, colon, -MOST, norm.mean, channels) ||
            !read_numbers(colon + 1, end, LEAST_DEVIATION, norm.deviation, channels))
            TRY(tsgd_fail(err, TSGD_EINVAL, "%s: found '%.80s', want none, data, or means and "
                          "deviations M1,..:S1,.. of %u channel%s, at most %g, deviations at least "
                          "%g", where, text, channels, channels > 1 ? "s" : "", MOST,
                          LEAST_DEVIATION));
        norm.channels = channels;
    }
    *out = norm;
done:
    return st;
}

static void count_bytes(const uint8_t *bytes, size_t n, uint64_t count[256])
{
    uint64_t odd[256] = {0};            /* in one table equal neighbours would wait */
    size_t i = 0;
    for (; i + 2 <= n; i += 2) {
        count[bytes[i]]++;
        odd[bytes[i + 1]]++;
    }
    if (i < n)
        count[bytes[i]]++;
    for (int b = 0; b < 256; b++)
        count[b] += odd[b];
}

enum tsgd_status tsgd_norm_measure(struct tsgd_norm *out, const struct tsgd_dataset *d,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_norm norm = {.channels = d->shape.channels};
    size_t plane = (size_t)d->shape.height * d->shape.width;
    double n = (double)d->train.count * (double)plane;
    TRY(check_channels(d->shape.channels, "--normalize", err));
    for (uint32_t c = 0; c < norm.channels; c++) {
        uint64_t count[256] = {0};
        double mean = 0, variance = 0;
        for (uint32_t i = 0; i < d->train.count; i++)
            count_bytes(d->train.bytes + ((size_t)i * norm.channels + c) * plane, plane, count);
        for (int b = 0; b < 256; b++)
            mean += (double)count[b] * (double)d->value[b] / n;
        for (int b = 0; b < 256; b++) {
            double off = (double)d->value[b] - mean;
            variance += (double)count[b] * (off * off) / n;
        }
        if (!(sqrt(variance) >= LEAST_DEVIATION))
            TRY(tsgd_fail(err, TSGD_EINVAL, "--normalize: channel %u is %g in all training "
                          "samples, which leaves no deviation to divide by; give means and "
                          "deviations", c, mean));
        norm.mean[c] = (float)mean;
        norm.deviation[c] = (float)sqrt(variance);
    }
    *out = norm;
done:
    return st;
}

void tsgd_norm_text(const struct tsgd_norm *norm, char text[TSGD_NORM_TEXT])
{
    const float *part[] = {norm->mean, norm->deviation};
    size_t used = 0;
    strcpy(text, "none");
    for (size_t i = 0; i < 2; i++)
        for (uint32_t c = 0; c < norm->channels; c++)
            used += (size_t)tsgd_format(text + used, TSGD_NORM_TEXT - used, "%s%.9g",
                                        c > 0 ? "," : i > 0 ? ":" : "", (double)part[i][c]);
}
