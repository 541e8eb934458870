#include "base/status.h"

#include "base/format.h"

#undef tsgd_fail

enum tsgd_status tsgd_fail(struct tsgd_error *err, enum tsgd_status status, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        err->status = status;
        tsgd_format_list(err->text, sizeof err->text, format, args);
        va_end(args);
    }
    return status;
}

enum tsgd_status tsgd_given(const void *argument, const char *name, const char *call,
                            struct tsgd_error *err)
{
    return argument ? TSGD_OK : tsgd_fail(err, TSGD_EINVAL, "%s: %s is NULL", call, name);
}
