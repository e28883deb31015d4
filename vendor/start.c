/*
 * start: the entry point of hs, which applies packed relocations.
 *
 * A static PIE relocates itself: each pointer in a constant table needs the
 * address at which the program was loaded added to it. The usual list takes 24
 * bytes per pointer; RELR, a bitmap, takes less than one, and saves 24 KiB of
 * hs. musl applies RELR only since version 1.2.4 and Debian 12 has 1.2.3, so
 * this does it before musl's own start code runs.
 *
 * Format: System V ABI, "Relative Relocation Table". An even word is the
 * address of a pointer. An odd word is a bitmap of the 63 words that follow the
 * last one. The size in the dynamic section is set to 0 afterwards, so that a
 * newer musl does not apply them again.
 *
 * This runs before relocation and before thread-local storage exists: it uses
 * no pointers in static data, no stack protector and no libc.
 */
#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#ifndef DT_RELRSZ
#define DT_RELRSZ 35
#define DT_RELR 36
#endif

#define HIDDEN __attribute__((visibility("hidden")))

extern HIDDEN Elf64_Dyn _DYNAMIC[];
extern HIDDEN const char __ehdr_start[]; /* the program's first byte */

HIDDEN void start_relocate(void);

/* The kernel enters here. The stack holds the arguments, which musl's _start
 * reads; rdx must be kept too. */
__asm__(".text\n"
        ".globl hs_start\n"
        ".hidden hs_start\n"
        ".type hs_start, @function\n"
        "hs_start:\n"
        "    push %rdx\n"
        "    sub $8, %rsp\n"
        "    call start_relocate\n"
        "    add $8, %rsp\n"
        "    pop %rdx\n"
        "    jmp _start\n");

void start_relocate(void)
{
    uint64_t base = (uint64_t)(uintptr_t)__ehdr_start;
    const uint64_t *word = NULL;
    uint64_t *at = NULL;
    uint64_t count = 0;
    for (Elf64_Dyn *entry = _DYNAMIC; entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_RELR) {
            word = (const uint64_t *)(uintptr_t)(base + entry->d_un.d_ptr);
        } else if (entry->d_tag == DT_RELRSZ) {
            count = entry->d_un.d_val / sizeof(*word);
            entry->d_un.d_val = 0;
        }
    }
    for (; count; count--, word++) {
        if (!(*word & 1)) {
            at = (uint64_t *)(uintptr_t)(base + *word);
            *at++ += base;
            continue;
        }
        for (int i = 0; i < 63; i++)
            if (*word >> (i + 1) & 1)
                at[i] += base;
        at += 63;
    }
}
