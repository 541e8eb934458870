/* command/split_picture.h: a split as a picture of characters, a row a node and a column a class.
 * One thread.                                                                                   */
#ifndef TSGD_COMMAND_SPLIT_PICTURE_H
#define TSGD_COMMAND_SPLIT_PICTURE_H

#include "run/split_view.h"

#include <stdio.h>

/* No line is longer than so many columns, at least 40. Where there are many nodes, the first ones
 * are shown and some between the nearest and the farthest of all; where there are many classes, a
 * column stands for several. blocks: with characters of Unicode, in UTF-8. TSGD_ENOMEM: nothing was
 * printed.                                                                                      */
enum tsgd_status tsgd_split_picture(FILE *out, const struct tsgd_split_view *v, int columns,
                                    bool blocks, struct tsgd_error *err);

#endif
