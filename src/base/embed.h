/* base/embed.h: files that become part of the program. The assembler copies them into constants, so
 * that neither the program nor its users need the files.                                        */
#ifndef TSGD_BASE_EMBED_H
#define TSGD_BASE_EMBED_H

#include <stddef.h>
#include <stdint.h>

/* Declares `name`, the bytes of the file, up to `name`_end; a zero byte, which is not counted,
 * follows them. The path begins in the folder that the compiler runs in, or in one that -I names;
 * the Makefile repeats the file as what the object depends on.                                  */
#define TSGD_EMBED(name, path)                                                                   \
    __asm__(".pushsection .rodata\n"                                                             \
            ".globl " #name ", " #name "_end\n"                                                  \
            ".hidden " #name ", " #name "_end\n"                                                 \
            #name ": .incbin \"" path "\"\n"                                                     \
            #name "_end: .byte 0\n"                                                              \
            ".popsection\n");                                                                    \
    extern const unsigned char name[] __attribute__((visibility("hidden"))),                     \
        name##_end[] __attribute__((visibility("hidden")))

#define TSGD_EMBEDDED_BYTES(name) ((size_t)((uintptr_t)name##_end - (uintptr_t)name))

#endif
