using System.Runtime.InteropServices;

namespace Harness.Io.Native;

// Layouts of <linux/io_uring.h>. Each offset is written down, so that a reader can hold it against the header; a test has a C compiler do so.
// Members of a C union that mean the same to the kernel carry one name here; reserved fields have none.

/// <summary>Submission queue entry, 64 bytes.</summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
internal struct io_uring_sqe
{
    [FieldOffset(0)] public RingOpcode opcode;
    [FieldOffset(1)] public SqeFlags flags;
    [FieldOffset(2)] public ushort ioprio;
    [FieldOffset(4)] public int fd;
    [FieldOffset(8)] public ulong off;
    [FieldOffset(16)] public ulong addr;
    [FieldOffset(24)] public uint len;
    // rw_flags in the header: one word for msg_flags, poll32_events, timeout_flags, cancel_flags, accept_flags, fsync_flags, ...
    [FieldOffset(28)] public uint rw_flags;
    [FieldOffset(32)] public ulong user_data;
    [FieldOffset(40)] public ushort buf_index;
    [FieldOffset(40)] public ushort buf_group;
    [FieldOffset(42)] public ushort personality;
    [FieldOffset(44)] public uint file_index;
    [FieldOffset(48)] public ulong addr3;
}

/// <summary>Completion queue entry, 16 bytes.</summary>
[StructLayout(LayoutKind.Explicit, Size = 16)]
internal struct io_uring_cqe
{
    [FieldOffset(0)] public ulong user_data;
    [FieldOffset(8)] public int res;
    [FieldOffset(12)] public uint flags;
}

/// <summary>Where the fields of the SQ ring lie in its mapping.</summary>
[StructLayout(LayoutKind.Explicit, Size = 40)]
internal struct io_sqring_offsets
{
    [FieldOffset(0)] public uint head;
    [FieldOffset(4)] public uint tail;
    [FieldOffset(8)] public uint ring_mask;
    [FieldOffset(12)] public uint ring_entries;
    [FieldOffset(16)] public uint flags;
    [FieldOffset(20)] public uint dropped;
    [FieldOffset(24)] public uint array;
}

/// <summary>Where the fields of the CQ ring lie in its mapping.</summary>
[StructLayout(LayoutKind.Explicit, Size = 40)]
internal struct io_cqring_offsets
{
    [FieldOffset(0)] public uint head;
    [FieldOffset(4)] public uint tail;
    [FieldOffset(8)] public uint ring_mask;
    [FieldOffset(12)] public uint ring_entries;
    [FieldOffset(16)] public uint overflow;
    [FieldOffset(20)] public uint cqes;
    [FieldOffset(24)] public uint flags;
}

/// <summary>Argument and answer of <c>io_uring_setup(2)</c>.</summary>
[StructLayout(LayoutKind.Explicit, Size = 120)]
internal struct io_uring_params
{
    [FieldOffset(0)] public uint sq_entries;
    [FieldOffset(4)] public uint cq_entries;
    [FieldOffset(8)] public SetupFlags flags;
    [FieldOffset(12)] public uint sq_thread_cpu;
    [FieldOffset(16)] public uint sq_thread_idle;
    [FieldOffset(20)] public RingFeatures features;
    [FieldOffset(24)] public uint wq_fd;
    [FieldOffset(40)] public io_sqring_offsets sq_off;
    [FieldOffset(80)] public io_cqring_offsets cq_off;
}

/// <summary>Argument of <c>io_uring_enter(2)</c> with <c>IORING_ENTER_EXT_ARG</c>.</summary>
[StructLayout(LayoutKind.Explicit, Size = 24)]
internal struct io_uring_getevents_arg
{
    [FieldOffset(0)] public ulong sigmask;
    [FieldOffset(8)] public uint sigmask_sz;
    // "pad" in headers before 6.12.
    [FieldOffset(12)] public uint min_wait_usec;
    [FieldOffset(16)] public ulong ts;
}

/// <summary>Seconds and nanoseconds, 64 bits each on every architecture; <c>&lt;linux/time_types.h&gt;</c>.</summary>
[StructLayout(LayoutKind.Explicit, Size = 16)]
internal struct __kernel_timespec
{
    [FieldOffset(0)] public long tv_sec;
    [FieldOffset(8)] public long tv_nsec;

    public static __kernel_timespec FromNanoseconds(long nanoseconds) =>
        new() { tv_sec = nanoseconds / 1_000_000_000, tv_nsec = nanoseconds % 1_000_000_000 };
}

/// <summary>One provided buffer. In entry 0 of the ring, the last two bytes are the ring's tail.</summary>
[StructLayout(LayoutKind.Explicit, Size = 16)]
internal struct io_uring_buf
{
    [FieldOffset(0)] public ulong addr;
    [FieldOffset(8)] public uint len;
    [FieldOffset(12)] public ushort bid;
    [FieldOffset(14)] public ushort resv;
}

/// <summary>Argument of <c>IORING_REGISTER_PBUF_RING</c>.</summary>
[StructLayout(LayoutKind.Explicit, Size = 40)]
internal struct io_uring_buf_reg
{
    [FieldOffset(0)] public ulong ring_addr;
    [FieldOffset(8)] public uint ring_entries;
    [FieldOffset(12)] public ushort bgid;
    // "pad" in headers before 6.4.
    [FieldOffset(14)] public ushort flags;
}

/// <summary>Argument of <c>IORING_REGISTER_FILES_UPDATE</c>; <c>fds</c> points to 32-bit descriptors.</summary>
[StructLayout(LayoutKind.Explicit, Size = 16)]
internal struct io_uring_files_update
{
    [FieldOffset(0)] public uint offset;
    [FieldOffset(8)] public ulong fds;
}

/// <summary>Argument of <c>IORING_REGISTER_FILES2</c>.</summary>
[StructLayout(LayoutKind.Explicit, Size = 32)]
internal struct io_uring_rsrc_register
{
    [FieldOffset(0)] public uint nr;
    [FieldOffset(4)] public uint flags;
    [FieldOffset(16)] public ulong data;
    [FieldOffset(24)] public ulong tags;
}

/// <summary>Argument of <c>IORING_REGISTER_RING_FDS</c>.</summary>
[StructLayout(LayoutKind.Explicit, Size = 16)]
internal struct io_uring_rsrc_update
{
    [FieldOffset(0)] public uint offset;
    [FieldOffset(8)] public ulong data;
}

/// <summary>What the kernel says about one opcode.</summary>
[StructLayout(LayoutKind.Explicit, Size = 8)]
internal struct io_uring_probe_op
{
    [FieldOffset(0)] public byte op;
    [FieldOffset(2)] public ushort flags;
}

/// <summary>Head of the answer to <c>IORING_REGISTER_PROBE</c>; <c>ops_len</c> entries of <see cref="io_uring_probe_op"/> follow.</summary>
[StructLayout(LayoutKind.Explicit, Size = 16)]
internal struct io_uring_probe
{
    [FieldOffset(0)] public byte last_op;
    [FieldOffset(1)] public byte ops_len;
}
