/*
 * A plugin for QEMU's code generator: counts the guest's instructions between two marks, apart for user mode and the kernel, and where asked for by block
 * of the kernel. QEMU's qemu-plugin.h is not packaged, so what is used of it is declared here, as version 1 of the interface has it (QEMU 6 to 8).
 *
 *   -plugin count-instructions.so,windows=FILE[,blocks=on]
 *
 * A mark is an instruction that does nothing, the long NOP with a displacement of 32 bits (0f 1f 84 00), whose displacement is ours: 0x4857 above, below
 * it a bit that says whether it is the end, and fifteen bits of a number. src/Io/InstructionMarks.cs runs it. At an end with the number of the last
 * beginning a line is written: "window NUMBER USER KERNEL"; before it, for each block of the kernel that ran, "block ADDRESS INSTRUCTIONS".
 *
 * Instructions are counted when their block begins, so one that a fault leaves early counts whole, and what it is entered again with, again.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_info;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

enum { CB_NO_REGS = 0, INLINE_ADD_U64 = 0 };

extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, void (*translated)(qemu_plugin_id_t id, struct qemu_plugin_tb *block));
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *block, int operation, void *counter, uint64_t value);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *instruction, void (*run)(unsigned cpu, void *data), int registers, void *data);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *block);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *instruction);
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *instruction);

int qemu_plugin_version = 1;

struct block {
    uint64_t address;
    uint64_t instructions;
    struct block *next;
};

static const uint8_t long_nop[] = {0x0f, 0x1f, 0x84, 0x00};
static const uint32_t ours = 0x4857;
static const uint32_t end_bit = 0x8000;

static struct block *buckets[1 << 16];
static uint64_t user, kernel;
static uint32_t open_window = UINT32_MAX;
static int by_block;
static FILE *windows;

/* Translating a place anew, after a flush or for another length, goes on counting where the one before it did. */
static struct block *block_at(uint64_t address)
{
    struct block **bucket = &buckets[(address ^ address >> 16) & 0xffff];
    for (struct block *block = *bucket; block; block = block->next) {
        if (block->address == address) {
            return block;
        }
    }
    struct block *block = calloc(1, sizeof *block);
    if (!block) {
        abort();
    }
    block->address = address;
    block->next = *bucket;
    *bucket = block;
    return block;
}

static void begin_window(uint32_t number)
{
    user = kernel = 0;
    for (size_t i = 0; i < sizeof buckets / sizeof *buckets; i++) {
        for (struct block *block = buckets[i]; block; block = block->next) {
            block->instructions = 0;
        }
    }
    open_window = number;
}

static void end_window(uint32_t number)
{
    if (number != open_window) {
        return;
    }
    open_window = UINT32_MAX;
    for (size_t i = 0; i < sizeof buckets / sizeof *buckets; i++) {
        for (struct block *block = buckets[i]; block; block = block->next) {
            if (block->instructions) {
                kernel += block->instructions;
                fprintf(windows, "block %" PRIx64 " %" PRIu64 "\n", block->address, block->instructions);
            }
        }
    }
    fprintf(windows, "window %" PRIu32 " %" PRIu64 " %" PRIu64 "\n", number, user, kernel);
    fflush(windows);
}

static void marked(unsigned cpu, void *data)
{
    (void)cpu;
    uint32_t mark = (uint32_t)(uintptr_t)data;
    if (mark & end_bit) {
        end_window(mark & ~end_bit);
    } else {
        begin_window(mark);
    }
}

static void look_for_mark(struct qemu_plugin_insn *instruction)
{
    uint8_t bytes[8];
    if (qemu_plugin_insn_size(instruction) != sizeof bytes) {
        return;
    }
    memcpy(bytes, qemu_plugin_insn_data(instruction), sizeof bytes);
    uint32_t displacement;
    memcpy(&displacement, bytes + sizeof long_nop, sizeof displacement);
    if (memcmp(bytes, long_nop, sizeof long_nop) == 0 && displacement >> 16 == ours) {
        qemu_plugin_register_vcpu_insn_exec_cb(instruction, marked, CB_NO_REGS, (void *)(uintptr_t)(displacement & 0xffff));
    }
}

/* The kernel's addresses are those with the highest bit set. */
static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    uint64_t address = qemu_plugin_tb_vaddr(block);
    size_t count = qemu_plugin_tb_n_insns(block);
    int in_kernel = address >> 63;
    uint64_t *counter = !in_kernel ? &user : by_block ? &block_at(address)->instructions : &kernel;
    qemu_plugin_register_vcpu_tb_exec_inline(block, INLINE_ADD_U64, counter, count);
    for (size_t i = 0; i < count && !in_kernel; i++) {
        look_for_mark(qemu_plugin_tb_get_insn(block, i));
    }
}

__attribute__((visibility("default")))
int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int count, char **arguments)
{
    (void)info;
    for (int i = 0; i < count; i++) {
        if (strncmp(arguments[i], "windows=", 8) == 0) {
            windows = fopen(arguments[i] + 8, "w");
        } else if (strcmp(arguments[i], "blocks=on") == 0) {
            by_block = 1;
        }
    }
    if (!windows) {
        fprintf(stderr, "count-instructions: cannot write windows=FILE\n");
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
