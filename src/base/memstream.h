/* base/memstream.h: text that is written into memory, by a stream of open_memstream. */
#ifndef TSGD_BASE_MEMSTREAM_H
#define TSGD_BASE_MEMSTREAM_H

#include <stdbool.h>
#include <stdio.h>

/* Closes the stream; NULL is fine: it could not be opened. True: *text holds all that was written,
 * for the caller to free. False: there was no memory, and *text is NULL. Where the last of it is
 * lacking, the C library's fclose alone does not say so.                                        */
bool tsgd_memstream_close(FILE *f, char **text);

#endif
