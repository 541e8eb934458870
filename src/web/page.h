/* web/page.h: the page of `telesgd report`: one file that needs no other and no network. Its
 * parts lie in cli/web and are embedded in the program; the data stand in it as JSON.            */
#ifndef TSGD_WEB_PAGE_H
#define TSGD_WEB_PAGE_H

#include "base/status.h"

#include <stdio.h>

/* How a page begins. */
#define TSGD_WEBPAGE_HEADER "<!DOCTYPE html>\n<!-- telesgd report -->\n"

/* Writes the page around data that put_data writes, as JSON that may stand in a script element
 * (web/json.h). Failed writes are left to whoever closes the file; other errors are put_data's
 * own.                                                                                          */
enum tsgd_status tsgd_webpage_write(FILE *out,
                                    enum tsgd_status (*put_data)(FILE *out, void *user,
                                                                 struct tsgd_error *err),
                                    void *user, struct tsgd_error *err);

#endif
