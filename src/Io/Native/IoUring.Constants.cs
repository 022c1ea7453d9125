namespace Harness.Io.Native;

/// <summary>Constants of <c>&lt;linux/io_uring.h&gt;</c> that have no public enumeration, under C's own names.</summary>
internal static unsafe partial class IoUring
{
    // Offsets for mmap(2) on the ring descriptor.
    public const long IORING_OFF_SQ_RING = 0;
    public const long IORING_OFF_CQ_RING = 0x8000000;
    public const long IORING_OFF_SQES = 0x10000000;

    // Flags that the kernel keeps in the SQ ring.
    public const uint IORING_SQ_NEED_WAKEUP = 1;
    public const uint IORING_SQ_CQ_OVERFLOW = 2;
    public const uint IORING_SQ_TASKRUN = 4;

    // Opcodes of io_uring_register(2).
    public const uint IORING_REGISTER_BUFFERS = 0;
    public const uint IORING_UNREGISTER_BUFFERS = 1;
    public const uint IORING_REGISTER_FILES = 2;
    public const uint IORING_UNREGISTER_FILES = 3;
    public const uint IORING_REGISTER_FILES_UPDATE = 6;
    public const uint IORING_REGISTER_PROBE = 8;
    public const uint IORING_REGISTER_ENABLE_RINGS = 12;
    public const uint IORING_REGISTER_FILES2 = 13;
    public const uint IORING_REGISTER_RING_FDS = 20;
    public const uint IORING_UNREGISTER_RING_FDS = 21;
    public const uint IORING_REGISTER_PBUF_RING = 22;
    public const uint IORING_UNREGISTER_PBUF_RING = 23;

    public const uint IORING_RSRC_REGISTER_SPARSE = 1;
    public const uint IO_URING_OP_SUPPORTED = 1;
    public const ushort IOU_PBUF_RING_INC = 2;

    // Flags of single operations.
    public const uint IORING_FSYNC_DATASYNC = 1;
    public const uint IORING_POLL_ADD_MULTI = 1;
    public const uint IORING_POLL_UPDATE_EVENTS = 2;
    public const uint IORING_POLL_UPDATE_USER_DATA = 4;
    public const ushort IORING_ACCEPT_MULTISHOT = 1;
    public const ushort IORING_RECVSEND_POLL_FIRST = 1;
    public const ushort IORING_RECV_MULTISHOT = 2;
    public const ushort IORING_SEND_ZC_REPORT_USAGE = 8;
    public const uint IORING_NOTIF_USAGE_ZC_COPIED = 1u << 31;
    public const uint IORING_ASYNC_CANCEL_ALL = 1;
    public const uint IORING_ASYNC_CANCEL_FD = 2;
    public const uint IORING_ASYNC_CANCEL_ANY = 4;
    public const uint IORING_ASYNC_CANCEL_FD_FIXED = 8;
    public const uint IORING_MSG_DATA = 0;
}
