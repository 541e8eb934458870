#include "base/memstream.h"

#include <stdlib.h>

bool tsgd_memstream_close(FILE *f, char **text)
{
    bool written = f && !ferror(f);
    written = f && fclose(f) == 0 && written && *text;
    if (written)
        return true;
    free(*text);
    *text = NULL;
    return false;
}
